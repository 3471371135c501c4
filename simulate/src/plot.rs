//! Results as one SVG: for each trace demand, replicas and held requests over time.

use std::fmt::{self, Write};

use crate::outcome::BINS;
use crate::run::{PolicyKind, Results};

const LEFT: f64 = 70.0;
const WIDTH: f64 = 960.0;
const PANEL: f64 = 120.0;
const GAP: f64 = 34.0;
const HEAD: f64 = 44.0;
const INK: &str = "#333";

/// Apart in hue and in brightness.
fn colour(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Rouse => "#d1495b",
        PolicyKind::Knative => "#2a6fbb",
        PolicyKind::Hpa => "#e0a030",
        PolicyKind::AlwaysOn => "#999999",
        PolicyKind::Clairvoyant => "#3a8f5c",
    }
}

/// Draws traces by their names, one below the other.
#[must_use]
pub fn svg(traces: &[(String, Results)]) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = draw(&mut out, traces);
    out
}

fn draw(out: &mut String, traces: &[(String, Results)]) -> fmt::Result {
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let height = (HEAD + 3.0 * (PANEL + GAP)) * traces.len() as f64;
    let width = LEFT + WIDTH + 20.0;
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" fill="{INK}">"#
    )?;
    writeln!(
        out,
        r##"<rect width="{width}" height="{height}" fill="#fff"/>"##
    )?;
    let mut top = 0.0;
    for (name, results) in traces {
        top = section(out, name, results, top)?;
    }
    writeln!(out, "</svg>")
}

/// One trace, from `top` down; returns where the next begins.
fn section(out: &mut String, name: &str, results: &Results, top: f64) -> Result<f64, fmt::Error> {
    let title = escape(name);
    writeln!(
        out,
        r#"<text x="{LEFT}" y="{}" font-size="14" font-weight="bold">{title}: {} workloads together</text>"#,
        top + 18.0,
        results.workloads
    )?;
    legend(out, top + 34.0)?;
    let width = results.length.as_secs_f64() / BINS as f64;
    let mut at = top + HEAD + 12.0;
    let demand = [(INK, results.demand.as_slice())];
    panel(out, "requests at work, if none waited", &demand, width, at)?;
    at += PANEL + GAP;
    let replicas: Vec<_> = results
        .policies
        .iter()
        .map(|(kind, outcome)| (colour(*kind), outcome.series.replicas.as_slice()))
        .collect();
    panel(out, "replicas", &replicas, width, at)?;
    at += PANEL + GAP;
    let held: Vec<_> = results
        .policies
        .iter()
        .map(|(kind, outcome)| (colour(*kind), outcome.series.held.as_slice()))
        .collect();
    panel(out, "requests held", &held, width, at)?;
    hours(out, results.length.as_secs_f64(), at + PANEL)?;
    Ok(top + HEAD + 3.0 * (PANEL + GAP))
}

fn legend(out: &mut String, y: f64) -> fmt::Result {
    let mut x = LEFT;
    for kind in PolicyKind::ALL {
        let (colour, name) = (colour(kind), kind.name());
        writeln!(
            out,
            r#"<rect x="{x}" y="{}" width="14" height="4" fill="{colour}"/><text x="{}" y="{y}">{name}</text>"#,
            y - 6.0,
            x + 18.0
        )?;
        x += 110.0;
    }
    Ok(())
}

/// Lines over one axis. Each series has request- or replica-seconds in bins `width` seconds wide.
fn panel(
    out: &mut String,
    title: &str,
    lines: &[(&str, &[f64])],
    width: f64,
    top: f64,
) -> fmt::Result {
    let values = lines.iter().flat_map(|(_, line)| line.iter());
    let most = values
        .fold(0.0_f64, |most, value| most.max(value / width))
        .max(1e-9);
    let bottom = top + PANEL;
    writeln!(
        out,
        r#"<text x="{LEFT}" y="{}">{title}, in the mean over {width:.0} s</text>"#,
        top - 4.0
    )?;
    for (part, label) in [(0.0, 0.0), (0.5, most / 2.0), (1.0, most)] {
        let y = bottom - part * PANEL;
        writeln!(
            out,
            r##"<path d="M{LEFT} {y:.1}h{WIDTH}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{label:.1}</text>"##,
            LEFT - 6.0,
            y + 4.0
        )?;
    }
    // The first is drawn last, on top.
    for (colour, line) in lines.iter().rev() {
        let mut path = String::new();
        let step = WIDTH / BINS as f64;
        for (bin, value) in line.iter().enumerate() {
            let y = bottom - value / width / most * PANEL;
            let command = if bin == 0 {
                format!("M{LEFT} {y:.1}h{step:.1}")
            } else {
                format!("V{y:.1}h{step:.1}")
            };
            path.push_str(&command);
        }
        writeln!(
            out,
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>"#
        )?;
    }
    Ok(())
}

/// The time axis.
fn hours(out: &mut String, length: f64, y: f64) -> fmt::Result {
    for part in 0..=6_u8 {
        let part = f64::from(part) / 6.0;
        let hours = length * part / 3600.0;
        writeln!(
            out,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{hours:.2} h</text>"#,
            LEFT + part * WIDTH,
            y + 16.0
        )?;
    }
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
