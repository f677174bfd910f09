"""What the Python checks share: the workspace as cargo sees it, and a way to report."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def metadata():
    """The resolved workspace, without the network where the lock file allows."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed; cargo's words are above")
    return json.loads(run.stdout)


def files():
    """Paths, relative to the root, of what is tracked or would be: everything that is not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True)
    except FileNotFoundError:
        run = None
    if run is not None and run.returncode == 0:
        names = [name for name in run.stdout.decode().split("\0") if name]
    else:  # An archive without a repository.
        names = []
        for folder, below, here in os.walk(ROOT):
            below[:] = [name for name in below if name not in {".git", "target", "data", "node_modules", "__pycache__"}]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in here]
    return sorted(Path(name) for name in names if (ROOT / name).is_file())


class Report:
    """Collects complaints, and ends the program by them."""

    def __init__(self):
        self.failures = 0

    def fail(self, text):
        """A complaint that fails the check."""
        self.failures += 1
        print(f"  FAIL {text}", flush=True)

    def warn(self, text):
        """A complaint that does not."""
        print(f"  warn {text}", flush=True)

    def done(self, summary):
        """Prints the outcome and exits."""
        if self.failures:
            sys.exit(f"{Path(sys.argv[0]).name}: {self.failures} failed")
        print(f"  ok   {summary}", flush=True)
