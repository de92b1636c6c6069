//! Parameters of the fits beside a tuning curve, by condition.

use egui::{Align2, Color32, Rect, Stroke, Ui, pos2};
use gainfield::analysis::fit::{Curve, Fit};
use gainfield::figure::number::{counted, fixed, signed, significant};
use gainfield::probe::{Feature, TuningResult};

use super::STATISTIC;
use crate::theme::{Text, Tokens, tokens};

/// Conditions with a column of their own at most.
const COLUMNS: usize = 3;
const COLUMN: f32 = 52.0;
const ROW: f32 = 25.0;

/// One value of a fit in words.
type Cell = Box<dyn Fn(&Fit) -> Option<String>>;

/// Fit parameters, one column per condition, and below them what is pooled.
pub(super) fn show(ui: &Ui, rect: Rect, result: &TuningResult, unit: usize) {
    let t = tokens(ui);
    let painter = ui.painter_at(rect);
    let conditions: Vec<_> = result.conditions.iter().take(COLUMNS).collect();
    let fits: Vec<Option<Fit>> =
        conditions.iter().map(|condition| result.fit(condition, unit, STATISTIC)).collect();
    let curve = fits.iter().flatten().map(|fit| fit.curve).next();
    let title = match curve {
        Some(Curve::VonMises) => "von Mises fit",
        Some(Curve::Gaussian) => "Gaussian fit",
        Some(Curve::NakaRushton) => "Naka-Rushton fit",
        None => "no fit",
    };
    let column = |i: usize| rect.right() - (conditions.len() - 1 - i) as f32 * COLUMN;
    let labels: Vec<&str> = conditions.iter().map(|condition| condition.label.as_str()).collect();
    let (shared, heads) = heads(&labels);
    let (title, y) = match shared {
        Some(shared) => (format!("{title}, by {shared}"), 6.0),
        None => (title.to_owned(), 20.0),
    };
    let at = pos2(rect.left(), rect.top() + y);
    painter.text(at, Align2::LEFT_CENTER, title, Text::Caption.font(), t.text3);
    for (i, (condition, words)) in conditions.iter().zip(heads).enumerate() {
        let color = super::role_color(t, condition.role);
        for (row, word) in words.into_iter().enumerate() {
            let at = pos2(column(i), rect.top() + 6.0 + 14.0 * row as f32);
            painter.text(at, Align2::RIGHT_CENTER, word, Text::CaptionStrong.font(), color);
        }
    }
    let line = |y: f32, color: Color32| painter.hline(rect.x_range(), y, Stroke::new(1.0, color));
    line(rect.top() + 32.0, t.line_strong);
    let mut y = rect.top() + 45.0;
    let mut row = |label: &str, cells: Vec<Option<String>>| {
        painter.text(pos2(rect.left(), y), Align2::LEFT_CENTER, label, Text::Small.font(), t.text2);
        for (i, cell) in cells.into_iter().enumerate() {
            let words = cell.unwrap_or_else(|| "–".to_owned());
            painter.text(pos2(column(i), y), Align2::RIGHT_CENTER, words, Text::Small.font(), t.text);
        }
        line(y + 12.0, t.line);
        y += ROW;
    };
    for (label, cell) in rows(result, curve) {
        row(&label, fits.iter().map(|fit| fit.as_ref().and_then(&cell)).collect());
    }
    let peaks = conditions.iter().map(|condition| {
        let largest = condition.responses.mean(unit).into_iter().fold(f64::NEG_INFINITY, f64::max);
        largest.is_finite().then(|| significant(largest, 3))
    });
    row("Peak mean", peaks.collect());
    if result.feature == Feature::Orientation {
        let selectivity = conditions.iter().map(|condition| {
            let vector = result.orientation_vector(condition, unit, STATISTIC)?;
            Some(fixed(vector.orientation_selectivity?, 2))
        });
        row("1 − circ. var.", selectivity.collect());
    }
    row("R² of the fit", fits.iter().map(|fit| Some(fixed(fit.as_ref()?.r2, 3))).collect());
    summary(ui, rect.with_min_y(y), result, unit, t);
}

/// Modulation index, spread and n.
fn summary(ui: &Ui, rect: Rect, result: &TuningResult, unit: usize, t: &'static Tokens) {
    let painter = ui.painter_at(rect.expand(14.0));
    let mut y = rect.top() + 1.0;
    if let Some(index) = modulation_index(result, unit) {
        let at = pos2(rect.left(), y);
        painter.text(at, Align2::LEFT_CENTER, "Modulation index", Text::Small.font(), t.text2);
        let at = pos2(rect.right(), y);
        painter.text(at, Align2::RIGHT_CENTER, signed(index, 2), Text::SmallStrong.font(), t.text);
        y += 16.0;
    }
    let n = result.conditions.first().and_then(|one| one.responses.n.first()).copied().unwrap_or(0);
    let stimuli = counted(n, "stimulus", "stimuli");
    let words = format!("Mean ± s.d., n = {stimuli} per value ({}).", result.pooled_over);
    let galley = painter.layout(words, Text::Caption.font(), t.text3, rect.width());
    painter.galley(pos2(rect.left(), y), galley, t.text3);
}

fn rows(result: &TuningResult, curve: Option<Curve>) -> Vec<(String, Cell)> {
    let degrees = result.feature == Feature::Orientation;
    let decimals = if degrees { 1 } else { 2 };
    let angle = move |radians: f64| if degrees { radians.to_degrees() } else { radians };
    let unit = result.feature.unit();
    let preferred = if curve == Some(Curve::NakaRushton) { "c50" } else { "Preferred" };
    vec![
        (with_unit(preferred, unit), Box::new(move |fit| Some(fixed(angle(fit.centre), decimals)))),
        (
            with_unit("FWHM", unit),
            Box::new(move |fit| fit.full_width().map(|width| fixed(angle(width), decimals))),
        ),
        ("Amplitude".to_owned(), Box::new(|fit| Some(significant(fit.amplitude, 3)))),
        ("Baseline".to_owned(), Box::new(|fit| Some(fixed(fit.baseline, 3)))),
    ]
}

/// The word that all labels end with, if they share one, and of each column what stands on its two lines:
/// without that word, which would be too wide in every column.
fn heads<'a>(labels: &[&'a str]) -> (Option<&'a str>, Vec<[&'a str; 2]>) {
    let heads: Vec<[&str; 2]> = labels.iter().map(|label| two_lines(label)).collect();
    match heads.as_slice() {
        [[first, shared], others @ ..]
            if !first.is_empty()
                && !others.is_empty()
                && others.iter().all(|[first, last]| !first.is_empty() && last == shared) =>
        {
            (Some(*shared), heads.iter().map(|[first, _]| ["", *first]).collect())
        }
        _ => (None, heads),
    }
}

/// A label on two lines: the first word, and the others.
fn two_lines(label: &str) -> [&str; 2] {
    let label = label.split(',').next().unwrap_or(label);
    match label.rsplit_once(' ') {
        Some((first, last)) => [first.trim_end_matches(" the"), last],
        None => ["", label],
    }
}

fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name}, {unit}") }
}

fn modulation_index(result: &TuningResult, unit: usize) -> Option<f64> {
    let mean = |name: &str| {
        let curve = result.condition(name)?.responses.mean(unit);
        Some(gainfield::analysis::statistics::mean(&curve))
    };
    gainfield::analysis::scaling::attention_modulation_index(mean("attended")?, mean("unattended")?)
}

#[cfg(test)]
mod tests {
    use super::{heads, two_lines};

    #[test]
    fn labels_stand_on_two_lines() {
        assert_eq!(two_lines("attend the digit"), ["attend", "digit"]);
        assert_eq!(two_lines("first pass, no gain"), ["first", "pass"]);
        assert_eq!(two_lines("free"), ["", "free"]);
    }

    #[test]
    fn a_word_that_all_labels_share_is_said_once() {
        let labels = ["no instruction", "first instruction", "second instruction"];
        let words = vec![["", "no"], ["", "first"], ["", "second"]];
        assert_eq!(heads(&labels), (Some("instruction"), words));
        let labels = ["attend the digit", "no attention"];
        assert_eq!(heads(&labels), (None, vec![["attend", "digit"], ["no", "attention"]]));
        assert_eq!(heads(&["attended"]), (None, vec![["", "attended"]]));
        assert_eq!(heads(&["no cue"]), (None, vec![["no", "cue"]]));
    }
}
