//! A part of the result: one table, what it means, and what it has to show.

use serde_json::{Value, json};

use crate::bars::Bar;
use crate::failure::Result;
use crate::output::line;

/// One table and its bars.
pub(crate) struct Chapter {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// What the table shows.
    pub(crate) words: String,
    /// The heads of the columns.
    pub(crate) head: &'static [&'static str],
    /// The cells.
    pub(crate) rows: Vec<Vec<String>>,
    /// What it has to show.
    pub(crate) bars: Vec<Bar>,
    /// Every single measurement.
    pub(crate) details: Value,
}

impl Chapter {
    /// Prints it as Markdown.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(crate) fn print(&self) -> Result<()> {
        line(&format!("\n{}\n", self.words))?;
        line(&format!("| {} |", self.head.join(" | ")))?;
        let rule: Vec<_> = (0..self.head.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
        line(&format!("| {} |", rule.join(" | ")))?;
        for row in &self.rows {
            line(&format!("| {} |", row.join(" | ")))?;
        }
        Ok(())
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({ "words": self.words, "head": self.head, "rows": self.rows, "details": self.details })
    }
}
