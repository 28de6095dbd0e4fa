//! Charts as inline SVG: stacked bars over years.

use std::fmt::Write as _;

/// What is stacked: its name, and a value for each bar.
pub struct Series {
    /// As the legend has it.
    pub name: String,
    /// Its colour, by number.
    pub colour: usize,
    /// One for each bar.
    pub values: Vec<f64>,
}

/// How values are written.
pub struct Scale<'a> {
    /// 1000, or 1024 for bytes: round numbers are those of the greatest power of it.
    pub base: f64,
    /// Writes a value.
    pub shown: &'a dyn Fn(f64) -> String,
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 84.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 26.0;
/// The share of a bar's place that it fills.
const BAR_SHARE: f64 = 0.62;

/// Bars with their parts upon each other.
pub fn stacked(title: &str, bars: &[String], series: &[Series], scale: &Scale<'_>) -> String {
    let total = |bar: usize| -> f64 { series.iter().filter_map(|s| s.values.get(bar)).sum() };
    let most = (0..bars.len()).map(total).fold(0.0, f64::max);
    let top = nice(most, scale.base);
    let shown = scale.shown;
    let (plot_width, plot_height) = (WIDTH - LEFT - 8.0, HEIGHT - BOTTOM - TOP);
    let height = |value: f64| if top > 0.0 { value / top * plot_height } else { 0.0 };
    let mut svg = format!(
        "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escaped(title),
        escaped(title)
    );
    for quarter in 0..=4 {
        let value = top * f64::from(quarter) / 4.0;
        let y = HEIGHT - BOTTOM - height(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            escaped(&shown(value))
        );
    }
    let place = plot_width / number(bars.len().max(1));
    for (bar, label) in bars.iter().enumerate() {
        let x = LEFT + place * (number(bar) + (1.0 - BAR_SHARE) / 2.0);
        let width = place * BAR_SHARE;
        let mut y = HEIGHT - BOTTOM;
        for one in series {
            let at = one.colour;
            let value = one.values.get(bar).copied().unwrap_or_default();
            let part = height(value);
            y -= part;
            let _ = write!(
                svg,
                "<rect class=\"s{at}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{part:.1}\"><title>{} {}: {}</title></rect>",
                escaped(label),
                escaped(&one.name),
                escaped(&shown(value))
            );
        }
        let middle = x + width / 2.0;
        let _ = write!(
            svg,
            "<text class=\"value\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"axis\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y - 6.0,
            escaped(&shown(total(bar))),
            HEIGHT - 8.0,
            escaped(label)
        );
    }
    svg.push_str("</svg><div class=\"legend\">");
    for one in series {
        let _ = write!(svg, "<span><i class=\"s{}\"></i>{}</span>", one.colour, escaped(&one.name));
    }
    svg.push_str("</div></figure>");
    svg
}

/// The next number above that is 1, 2, 4, 6 or 8 times a power of ten of its unit, so that quarters of it are
/// round.
fn nice(most: f64, base: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let unit = base.powf(most.log(base).floor());
    let ten = 10_f64.powf((most / unit).log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * ten * unit).find(|top| *top >= most).unwrap_or(most)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A text as HTML takes it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_part_for_each_value_and_its_texts_are_escaped() {
        let series = [
            Series { name: "a<b".to_owned(), colour: 0, values: vec![1.0, 3.0] },
            Series { name: "c".to_owned(), colour: 1, values: vec![1.0, 0.0] },
        ];
        let bars = ["0".to_owned(), "1".to_owned()];
        let scale = Scale { base: 1000.0, shown: &|value| format!("{value:.0} B") };
        let svg = stacked("Bytes & more", &bars, &series, &scale);
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains("a&lt;b") && svg.contains("Bytes &amp; more"), "{svg}");
        let tops = [0.0, 3.0, 61.0, 4462.0].map(|most| format!("{:.0}", nice(most, 1000.0)));
        assert_eq!(tops, ["1", "4", "80", "6000"]);
        assert_eq!(format!("{:.0}", nice(608.0 * 1024.0, 1024.0) / 1024.0), "800");
    }
}
