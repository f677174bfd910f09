//! Where databases live: in files, or in a PostgreSQL server of the bench's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::{proc, serving};

/// Where databases live.
pub(crate) enum Place {
    /// SQLite, in this folder.
    Files(PathBuf),
    /// PostgreSQL.
    Server(Postgres),
}

/// A PostgreSQL server on the measured core.
pub(crate) struct Postgres {
    /// A libpq URI of one of its databases, `postgres://…/name?…`, with the rights of a superuser.
    url: String,
    /// Its first process.
    pid: u32,
}

/// What a database takes on the disk, MB (10⁶ bytes).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disk {
    /// The database.
    pub(crate) database: f64,
    /// The log that is written ahead.
    pub(crate) log: f64,
}

impl Disk {
    /// Both.
    pub(crate) fn sum(self) -> f64 {
        self.database + self.log
    }
}

impl Place {
    /// PostgreSQL at `url` if there is one, else SQLite in `folder`.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub(crate) fn of(url: Option<&str>, folder: &Path) -> Result<Self> {
        let Some(url) = url else { return Ok(Self::Files(folder.to_owned())) };
        let file = psql(url, "SELECT pg_read_file('postmaster.pid')")?;
        let pid = file.lines().next().unwrap_or_default().trim().parse()?;
        Ok(Self::Server(Postgres { url: url.to_owned(), pid }))
    }

    /// Its name in reports.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Files(_) => "SQLite",
            Self::Server(_) => "PostgreSQL",
        }
    }

    /// PostgreSQL, if it is that.
    pub(crate) const fn postgres(&self) -> Option<&Postgres> {
        match self {
            Self::Files(_) => None,
            Self::Server(postgres) => Some(postgres),
        }
    }

    /// The URL of a database by that name that nobody has used yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn fresh(&self, name: &str) -> Result<String> {
        match self {
            Self::Files(folder) => {
                let folder = folder.join(name);
                std::fs::create_dir_all(&folder)?;
                Ok(format!("sqlite:{}", folder.join("database.sqlite3").display()))
            }
            Self::Server(postgres) => {
                psql(&postgres.url, &format!("CREATE DATABASE {}", identifier(name)))?;
                postgres.database(name)
            }
        }
    }

    /// Removes it. Nobody may be connected.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        match self {
            Self::Files(folder) => Ok(std::fs::remove_dir_all(folder.join(name))?),
            Self::Server(postgres) => {
                psql(&postgres.url, &format!("DROP DATABASE {} WITH (FORCE)", identifier(name))).map(drop)
            }
        }
    }

    /// What it takes on the disk now. PostgreSQL's log is that of all its databases, and is used again and again.
    ///
    /// # Errors
    /// When there is no such database.
    pub(crate) fn disk(&self, name: &str) -> Result<Disk> {
        match self {
            Self::Files(folder) => {
                let file = folder.join(name).join("database.sqlite3");
                let log = file.with_extension("sqlite3-wal");
                Ok(Disk { database: size(&file)?, log: size(&log).unwrap_or_default() })
            }
            Self::Server(postgres) => Ok(Disk {
                database: postgres.number(&format!("SELECT pg_database_size('{}')", identifier(name)))? / 1e6,
                log: postgres.number("SELECT sum(size) FROM pg_ls_waldir()")? / 1e6,
            }),
        }
    }

    /// Lets PostgreSQL find the room that removed rows have left, as autovacuum does in its own time. SQLite knows it
    /// at once.
    ///
    /// # Errors
    /// When it refuses.
    pub(crate) fn settle(&self, name: &str) -> Result<()> {
        match self {
            Self::Files(_) => Ok(()),
            Self::Server(postgres) => psql(&postgres.database(name)?, "VACUUM").map(drop),
        }
    }

    /// The processor time that a database server has used so far, seconds; none without one.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn processor(&self) -> Result<f64> {
        match self {
            Self::Files(_) => Ok(0.0),
            Self::Server(postgres) => proc::family(postgres.pid),
        }
    }
}

impl Postgres {
    /// The URI of a database by its name.
    ///
    /// # Errors
    /// When the URI of the server has an unusual form.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        let (path, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (server, _) = path.rsplit_once('/').ok_or_else(|| Failure::new("the URL names no database"))?;
        Ok(format!("{server}/{}?{query}", identifier(name)))
    }

    /// The number that a statement gives, in whatever database.
    ///
    /// # Errors
    /// When it fails, or gives something else.
    pub(crate) fn number(&self, sql: &str) -> Result<f64> {
        number(&self.url, sql)
    }

    /// Carries statements out, each by itself, in whatever database.
    ///
    /// # Errors
    /// When one fails.
    pub(crate) fn order(&self, statements: &[&str]) -> Result<()> {
        statements.iter().try_for_each(|sql| psql(&self.url, sql).map(drop))
    }
}

/// Small letters, digits and `_`, so that no quotes are needed.
fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

fn size(path: &Path) -> Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact up to petabytes")]
    let bytes = std::fs::metadata(path)?.len() as f64;
    Ok(bytes / 1e6)
}

/// The number that a statement gives in the database at `url`.
///
/// # Errors
/// When it fails, or gives something else.
pub(crate) fn number(url: &str, sql: &str) -> Result<f64> {
    Ok(psql(url, sql)?.trim().parse()?)
}

fn psql(url: &str, sql: &str) -> Result<String> {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1"]);
    command.args(["--command", sql, url]);
    serving::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_server_keeps_how_to_reach_it() {
        let url = "postgres:///countersign?host=/run/x&user=y".to_owned();
        let postgres = Postgres { url, pid: 1 };
        assert_eq!(postgres.database("parts-1").unwrap(), "postgres:///parts_1?host=/run/x&user=y");
    }
}
