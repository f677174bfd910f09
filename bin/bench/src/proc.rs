//! What the kernel tells of processes and cores, from `/proc`.

use crate::failure::{Failure, Result};

/// The core that is measured.
pub(crate) const MEASURED: u32 = 0;

/// The core that the load comes from.
pub(crate) const LOADING: u32 = 1;

/// Clock ticks in a second, as the kernel tells them to programs (USER_HZ).
const TICKS: f64 = 100.0;

/// The time that a core has worked for programs so far, its own and those of other machines on the same hardware
/// (steal), seconds. Interrupts are left out: mostly they are the load's own.
///
/// # Errors
/// When the kernel does not tell.
pub(crate) fn core_busy(core: u32) -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let prefix = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&prefix));
    let line = line.ok_or_else(|| Failure::new(format!("/proc/stat does not tell of core {core}")))?;
    let fields: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    Ok([0, 1, 2, 7].iter().filter_map(|at| fields.get(*at)).sum::<f64>() / TICKS)
}

/// The processor time that a process (a number, or `self`) has used so far, seconds, to a hundredth.
///
/// # Errors
/// When it has ended.
pub(crate) fn processor(pid: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(fields(&stat, 11, 2)? / TICKS)
}

/// The same of a process and its children, those that have ended included.
///
/// # Errors
/// When it has ended.
pub(crate) fn family(pid: u32) -> Result<f64> {
    let parent = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let mut sum = fields(&parent, 11, 4)?;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else {
            continue;
        };
        // It may have ended since; then it is the next reading's.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{name}/stat")) else { continue };
        if text(&stat, 1).parse() == Ok(pid) {
            sum += fields(&stat, 11, 2)?;
        }
    }
    Ok(sum / TICKS)
}

/// A line of `/proc/PID/status` in kB, as MB (10⁶ bytes): `VmRSS` is what it occupies, `VmHWM` the most it ever did.
///
/// # Errors
/// When it has ended.
pub(crate) fn memory(pid: u32, what: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib: f64 = line.unwrap_or_default().trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// The sum of `count` fields behind the name, from `first` on. The name, in parentheses, may hold anything; behind it
/// the parent is the second field, user and system time the 12th and 13th, those of ended children the next two.
fn fields(stat: &str, first: usize, count: usize) -> Result<f64> {
    (first..first.saturating_add(count))
        .map(|number| Ok(text(stat, number).parse::<f64>()?))
        .sum::<Result<f64>>()
}

fn text(stat: &str, number: usize) -> &str {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let stat = "7 (a) b (c)) S 3 7 7 0 -1 4 1 2 3 4 50 25 5 1 20";
        assert_eq!(text(stat, 1), "3");
        assert!((fields(stat, 11, 2).unwrap() - 75.0).abs() < 1e-9);
        assert!((fields(stat, 11, 4).unwrap() - 81.0).abs() < 1e-9);
        assert!(fields("", 11, 2).is_err());
    }
}
