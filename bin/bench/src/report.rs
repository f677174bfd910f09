//! The result as tables and as JSON.

pub(crate) mod expiry;
pub(crate) mod overload;
mod rates;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::bars::{Bar, of_rates};
use crate::chapter::Chapter;
use crate::context::Context;
use crate::failure::Result;
use crate::output::line;
use crate::place::Place;
use crate::samples::Samples;

/// What was measured so far.
pub(crate) struct Report {
    database: &'static str,
    postgres: bool,
    settings: Value,
    path: Option<PathBuf>,
    rates: Option<Rates>,
    chapters: Vec<Chapter>,
    /// Bars of sections without a chapter.
    open: Vec<Bar>,
}

struct Rates {
    samples: Samples,
    whole: bool,
}

impl Report {
    /// Begins one (all that is printed is Markdown, so that it can be kept), to be written as JSON to `path`. What
    /// stands there from an earlier run goes: a run that fails leaves nothing that looks like its result.
    ///
    /// # Errors
    /// When standard output is closed, or the old result cannot be removed.
    pub(crate) fn begin(place: &Place, settings: Value, path: Option<PathBuf>) -> Result<Self> {
        if let Some(path) = path.as_deref().filter(|path| path.exists()) {
            std::fs::remove_file(path)?;
        }
        let database = place.name();
        line(&format!("\n### {database}"))?;
        let postgres = place.postgres().is_some();
        Ok(Self { database, postgres, settings, path, rates: None, chapters: Vec::new(), open: Vec::new() })
    }

    /// Prints the tables of rates and keeps them; `whole` unless the section has failed.
    ///
    /// # Errors
    /// When standard output is closed, or the file cannot be written.
    pub(crate) fn rates(&mut self, context: &Context, samples: Samples, whole: bool) -> Result<()> {
        rates::print(&samples)?;
        self.rates = Some(Rates { samples, whole });
        self.keep(context)
    }

    /// Prints a chapter and keeps it.
    ///
    /// # Errors
    /// When standard output is closed, or the file cannot be written.
    pub(crate) fn chapter(&mut self, context: &Context, chapter: Chapter) -> Result<()> {
        chapter.print()?;
        self.chapters.push(chapter);
        self.keep(context)
    }

    /// Keeps that a section has failed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn nothing(&mut self, context: &Context, section: &str) -> Result<()> {
        self.open.push(Bar::unmeasured(format!("{section}: all that it has to show")));
        self.keep(context)
    }

    /// Prints what all of it had to show, and what went wrong on the way.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(crate) fn end(&self, context: &Context) -> Result<()> {
        line(&format!("\n| bar, {} | found | met |\n| --- | ---: | --- |", self.database))?;
        for bar in &self.bars() {
            line(&format!("| {} | {} | {} |", bar.demand, bar.cell(), bar.verdict.words()))?;
        }
        for (what, texts) in [("Failed", &context.failed), ("Void, and measured once more", &context.voided)]
        {
            texts.borrow().iter().try_for_each(|text| line(&format!("\n{what}: {text}")))?;
        }
        Ok(())
    }

    fn bars(&self) -> Vec<Bar> {
        let none = Samples::default();
        // Half of a table may look well: what a failed section has to show is not measured.
        let rates = self
            .rates
            .iter()
            .flat_map(|rates| of_rates(if rates.whole { &rates.samples } else { &none }, self.postgres));
        let chapters = self.chapters.iter().flat_map(|chapter| &chapter.bars).chain(&self.open).cloned();
        rates.chain(chapters).collect()
    }

    /// Writes everything so far, run by run: a later section may take what ends the bench.
    fn keep(&self, context: &Context) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let bar = |bar: &Bar| {
            json!({
                "demand": bar.demand, "found": bar.found, "beside": bar.beside, "met": bar.verdict.met(),
                "verdict": bar.verdict.words(),
            })
        };
        let samples = self.rates.as_ref().map(|rates| &rates.samples);
        let chapters: Map<_, _> =
            self.chapters.iter().map(|chapter| (chapter.name.to_owned(), chapter.json())).collect();
        let json = json!({
            "database": self.database, "settings": self.settings,
            "parts": samples.map(|samples| &samples.parts), "cases": samples.map(rates::json),
            "chapters": chapters, "bars": self.bars().iter().map(bar).collect::<Vec<_>>(),
            "failed": *context.failed.borrow(), "voided": *context.voided.borrow(),
        });
        // In one step, so that nobody reads half of it.
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, format!("{json:#}\n"))?;
        Ok(std::fs::rename(beside, path)?)
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}
