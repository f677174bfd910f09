//! The disk that fails on demand (fixtures/faultfs), and what a power cut would leave of it.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// How writes fail.
pub(crate) const NO_FAULT: u8 = b'0';
/// ENOSPC for what makes a file longer.
pub(crate) const FULL: u8 = b'S';
/// ENOSPC for every write.
pub(crate) const FULL_FOR_ALL: u8 = b'F';
/// EIO.
pub(crate) const IO_ERROR: u8 = b'I';
/// EROFS.
pub(crate) const READ_ONLY: u8 = b'R';
/// Syncs that succeed and do nothing.
pub(crate) const LIE: u8 = b'L';
/// Syncs, or reads, that hang.
pub(crate) const HANG: u8 = b'H';

/// The size of what a disk writes as a whole.
const SECTOR: usize = 512;

/// A data directory on a disk that fails on demand.
pub(crate) struct FaultFs {
    own: TempDir,
    data: PathBuf,
    control: fs::File,
}

impl FaultFs {
    /// Over a directory that no server has open: what is in it now is taken for synced.
    pub(crate) fn over(data: &Path) -> Self {
        let own = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/faultfs/faultfs.c");
        let built = Command::new("cc")
            .args(["-Wall", "-O2", "-shared", "-fPIC", "-o"])
            .arg(own.path().join("faultfs.so"))
            .arg(source)
            .arg("-ldl")
            .output()
            .expect("a C compiler, which scripts/test installs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        fs::write(
            own.path().join("control"),
            [b'0'; 64].iter().chain(&[0; 4032]).copied().collect::<Vec<u8>>(),
        )
        .unwrap();
        fs::create_dir(own.path().join("shadow")).unwrap();
        // The database's own files; what else there is keeps no promise.
        let files = fs::read_dir(data).unwrap().map(Result::unwrap);
        for entry in files.filter(|entry| entry.file_type().unwrap().is_file()) {
            fs::copy(entry.path(), own.path().join("shadow").join(entry.file_name())).unwrap();
        }
        let control = fs::File::options().read(true).write(true).open(own.path().join("control")).unwrap();
        Self { own, data: data.to_owned(), control }
    }

    /// What the server's environment needs.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(self.own.path().join("faultfs.so"))),
            ("FAULTFS_DIR", text(self.data.clone())),
            ("FAULTFS_SHADOW", text(self.own.path().join("shadow"))),
            ("FAULTFS_CONTROL", text(self.own.path().join("control"))),
        ]
    }

    /// From now on writes fail like this.
    pub(crate) fn writes(&self, how: u8) {
        self.control.write_all_at(&[how], 0).unwrap();
    }

    /// From now on syncs fail like this.
    pub(crate) fn syncs(&self, how: u8) {
        self.control.write_all_at(&[how], 1).unwrap();
    }

    /// From now on reads fail like this.
    pub(crate) fn reads(&self, how: u8) {
        self.control.write_all_at(&[how], 2).unwrap();
    }

    /// Whether only the database's own file fails, and not its log: what a checkpoint meets, and a commit does not.
    pub(crate) fn spares_the_log(&self, spares: bool) {
        self.control.write_all_at(&[if spares { b'D' } else { b'0' }], 3).unwrap();
    }

    /// How many reads hang now.
    pub(crate) fn reading(&self) -> u64 {
        self.count(4)
    }

    fn count(&self, which: u64) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 64 + 8 * which).unwrap();
        u64::from_ne_bytes(bytes)
    }

    /// How many syncs were done: those that hang, fail or lie are not among them.
    pub(crate) fn synced(&self) -> u64 {
        self.count(0)
    }

    /// How many calls were made to fail.
    pub(crate) fn faults(&self) -> u64 {
        self.count(2)
    }

    /// How often the database's own file was written to, which only a checkpoint does.
    pub(crate) fn moves(&self) -> u64 {
        self.count(5)
    }

    /// How many syncs hang now.
    pub(crate) fn hanging(&self) -> u64 {
        self.count(3)
    }

    /// What is left when the power goes now, and only what was synced had arrived.
    pub(crate) fn only_what_was_synced(&self) -> TempDir {
        self.left(|_name, _real, synced| synced.map(<[u8]>::to_vec))
    }

    /// What is left when the power goes now, and of what was not synced any sectors had arrived, as `coin` says.
    pub(crate) fn torn(&self, mut coin: impl FnMut() -> bool) -> TempDir {
        self.left(|name, real, synced| {
            let Some(synced) = synced else {
                // The name itself was not synced.
                return (coin() && !name.is_empty()).then(|| real.to_vec());
            };
            let longer = if coin() { real.len() } else { synced.len() };
            let mut left = vec![0; longer];
            for (number, sector) in left.chunks_mut(SECTOR).enumerate() {
                let at = number * SECTOR;
                let from = if at >= synced.len() || (at < real.len() && coin()) { real } else { synced };
                let there = from.get(at..).unwrap_or_default();
                let size = there.len().min(sector.len());
                sector[..size].copy_from_slice(&there[..size]);
            }
            Some(left)
        })
    }

    /// A directory with what `choose` says of each file: given its name, what was written and what was synced.
    fn left(&self, mut choose: impl FnMut(&str, &[u8], Option<&[u8]>) -> Option<Vec<u8>>) -> TempDir {
        let image = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&self.data).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name.ends_with("-shm") {
                continue; // memory
            }
            if entry.file_type().unwrap().is_dir() {
                // The demo's certificates: written once, long ago, and not through what makes faults.
                copy(&entry.path(), &image.path().join(&name));
                continue;
            }
            let real = fs::read(entry.path()).unwrap();
            let synced = fs::read(self.own.path().join("shadow").join(&name)).ok();
            if let Some(left) = choose(&name, &real, synced.as_deref()) {
                fs::write(image.path().join(&name), left).unwrap();
            }
        }
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(image.path().join("master.key"), private).unwrap();
        image
    }
}

/// A directory of files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
