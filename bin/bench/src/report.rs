//! The result as tables and as JSON.

pub(crate) mod overload;
mod rates;

use serde_json::{Map, Value, json};

use crate::bars::{Bar, of_rates};
use crate::chapter::Chapter;
use crate::failure::Result;
use crate::output::line;
use crate::samples::Samples;

/// Prints a heading (all is Markdown, so that it can be kept).
///
/// # Errors
/// When standard output is closed.
pub(crate) fn begin(database: &str) -> Result<()> {
    Ok(line(&format!("\n### {database}"))?)
}

/// Prints the tables of rates.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn told(samples: Samples) -> Result<Samples> {
    rates::print(&samples)?;
    Ok(samples)
}

/// Prints what all of it had to show.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn end(database: &str, samples: Option<&Samples>, chapters: &[Chapter]) -> Result<()> {
    line(&format!("\n| bar, {database} | found | met |\n| --- | ---: | --- |"))?;
    each_bar(samples, chapters, |bar| {
        let met = bar.met.map_or("not measured", |met| if met { "yes" } else { "**no**" });
        line(&format!("| {} | {} | {met} |", bar.demand, number(bar.found, 2)))
    })
}

/// Everything, run by run.
pub(crate) fn json(
    database: &str,
    samples: Option<&Samples>,
    chapters: &[Chapter],
    settings: &Value,
) -> Value {
    let mut bars = Vec::new();
    // Nothing of it can fail.
    let noted = each_bar(samples, chapters, |bar| {
        bars.push(json!({ "demand": bar.demand, "found": bar.found, "met": bar.met }));
        Ok(())
    });
    drop(noted);
    let chapters: Map<_, _> =
        chapters.iter().map(|chapter| (chapter.name.to_owned(), chapter.json())).collect();
    json!({
        "database": database, "settings": settings, "parts": samples.map(|samples| &samples.parts),
        "cases": samples.map(rates::json), "chapters": chapters, "bars": bars,
    })
}

fn each_bar(
    samples: Option<&Samples>,
    chapters: &[Chapter],
    mut each: impl FnMut(&Bar) -> std::io::Result<()>,
) -> Result<()> {
    if let Some(samples) = samples {
        of_rates(samples).iter().try_for_each(&mut each)?;
    }
    Ok(chapters.iter().flat_map(|chapter| &chapter.bars).try_for_each(each)?)
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}
