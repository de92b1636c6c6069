//! A figure of every kind of panel, on synthetic numbers: tuning, attention scaling, gain maps, population.

use gainfield::figure::{
    Axis, Band, Category, Cell, ColourMap, ColourScale, Figure, Ink, Line, Maps, Panel, Plot, Points, Raster,
    Reference, Role, RowHeight, Series, Strip, Width, number,
};
use gainfield::{Result, rng};

/// Response to a bar at `degrees`: a von Mises curve of period 180°.
fn tuned(degrees: f64, preferred: f64, concentration: f64, amplitude: f64) -> f64 {
    let turn = 2.0 * (degrees - preferred).to_radians();
    amplitude * (concentration * (turn.cos() - 1.0)).exp()
}

struct Condition {
    series: Series,
    amplitude: f64,
}

fn conditions() -> [Condition; 3] {
    [
        Condition { series: Series::new("attended", Role::Attended), amplitude: 1.0 },
        Condition { series: Series::new("first pass", Role::Neutral), amplitude: 0.77 },
        Condition { series: Series::new("unattended", Role::Unattended), amplitude: 0.24 },
    ]
}

const ORIENTATIONS: usize = 21;

/// Orientation, mean response and standard error of one condition.
fn measured(condition: &Condition, index: u64) -> Vec<[f64; 3]> {
    let mut rng = rng::stream(1, "demonstration", &[index]);
    let measure = |i: usize| {
        let degrees = 180.0 * i as f64 / (ORIENTATIONS - 1) as f64;
        let mean = tuned(degrees, 87.0, 1.9, condition.amplitude) * (1.0 + 0.07 * rng::normal(&mut rng));
        let mean = (mean - 0.03 * condition.amplitude).max(0.0);
        [degrees, mean, 0.15 * mean + 0.02 * condition.amplitude]
    };
    (0..ORIENTATIONS).map(measure).collect()
}

fn tuning() -> Result<Panel> {
    let y = Axis::new("Response").unit("a.u.").range(0.0, 1.25);
    let mut plot = Plot::new(Axis::new("Bar orientation").unit("°").ticks_every(45.0), y);
    for (index, condition) in conditions().iter().enumerate() {
        let data = measured(condition, index as u64);
        let column = |f: &dyn Fn(&[f64; 3]) -> f64| data.iter().map(f).collect::<Vec<f64>>();
        let x = column(&|d| d[0]);
        let fit =
            (0..=180).map(|i| [f64::from(i), tuned(f64::from(i), 87.0, 1.9, condition.amplitude)]).collect();
        let (low, high) = (column(&|d| (d[1] - d[2]).max(0.0)), column(&|d| d[1] + d[2]));
        plot = plot
            .with(Band::new(condition.series.clone(), x.clone(), low, high, "s.e.m., 48 bars")?)
            .with(Line::new(condition.series.clone(), fit)?)
            .with(Points::of(condition.series.clone(), &x, &column(&|d| d[1]))?);
    }
    Ok(Panel::new("tuning", plot))
}

fn scaling() -> Result<Panel> {
    let [attended, _, unattended] = conditions();
    let (attended, unattended) = (measured(&attended, 0), measured(&unattended, 2));
    let points: Vec<[f64; 2]> = unattended.iter().zip(&attended).map(|(u, a)| [u[1], a[1]]).collect();
    let interval = |data: &[[f64; 3]]| data.iter().map(|d| [d[1] - d[2], d[1] + d[2]]).collect();
    let series = Series::new("orientations", Ink::Text).quiet();
    let regression = Series::new("regression", Role::Attended).quiet();
    let plot = Plot::new(
        Axis::new("Unattended").unit("a.u.").range(0.0, 1.25),
        Axis::new("Attended").unit("a.u.").range(0.0, 1.25),
    )
    .equal_axes()
    .with(Reference::unity())
    .with(Line::new(regression, vec![[0.0, 0.02], [0.27, 1.11]])?)
    .with(
        Points::new(series, points)?
            .x_error(interval(&unattended), "s.e.m.")?
            .y_error(interval(&attended), "s.e.m.")?,
    );
    let slope = format!(
        "slope {}, 95{}% CI {}",
        number::significant(4.0389, 3),
        number::NARROW,
        number::interval(2.95, 5.16, 3)
    );
    Ok(Panel::new("scaling", plot).headline(slope))
}

/// Brightness of strokes (x, y in `0..=1`) on a canvas of `columns` × `rows`.
fn strokes(columns: usize, rows: usize, lines: &[[f64; 4]], width: f64) -> Vec<f32> {
    let ink = |i: usize| {
        let (x, y) = ((i % columns) as f64 + 0.5, (i / columns) as f64 + 0.5);
        let nearest = lines.iter().map(|&[x0, y0, x1, y1]| {
            let [x0, x1] = [x0, x1].map(|v| v * columns as f64);
            let [y0, y1] = [y0, y1].map(|v| v * rows as f64);
            let (dx, dy) = (x1 - x0, y1 - y0);
            let along = (((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
            (x - x0 - along * dx).hypot(y - y0 - along * dy)
        });
        (1.5 - nearest.fold(f64::INFINITY, f64::min) / width).clamp(0.0, 1.0) as f32
    };
    (0..columns * rows).map(ink).collect()
}

fn gain_maps() -> Result<Panel> {
    const SIZE: [usize; 2] = [42, 28];
    let one: &[[f64; 4]] = &[[0.30, 0.15, 0.34, 0.85]];
    let seven: &[[f64; 4]] = &[[0.5, 0.3, 0.85, 0.22], [0.85, 0.22, 0.62, 0.88]];
    let six: &[[f64; 4]] = &[
        [0.36, 0.12, 0.2, 0.55],
        [0.2, 0.55, 0.26, 0.85],
        [0.26, 0.85, 0.42, 0.75],
        [0.42, 0.75, 0.36, 0.55],
        [0.36, 0.55, 0.2, 0.62],
    ];
    let scale = ColourScale::new(ColourMap::Gain, [0.8, 1.2], "gain")?;
    let mut rng = rng::stream(2, "demonstration", &[]);
    let mut rows = Vec::new();
    for left in [one, six] {
        let both = [left, seven].concat();
        let image = strokes(SIZE[0], SIZE[1], &both, 1.6);
        let noisy = image.iter().map(|v| (v + 0.25 * rng::uniform(&mut rng) as f32).min(1.0)).collect();
        let mut row = vec![Raster::grey(noisy, SIZE[0])?];
        for (lines, strength) in [(both.as_slice(), 0.6), (seven, 1.0), (left, 0.9), (left, 1.0)] {
            let mask = strokes(SIZE[0], SIZE[1], lines, 2.2);
            let gain =
                mask.iter().map(|&m| 0.8 + 0.22 * m * strength as f32 + 0.01 * rng::uniform(&mut rng) as f32);
            row.push(Raster::new(gain.collect(), SIZE[0], scale.clone())?);
        }
        rows.push(row);
    }
    let maps = Maps::new(rows)?
        .column_titles(["Input", "Pass 1", "Pass 5", "Pass 7", "Pass 10"])?
        .bracket(1, 2, "phase 1")?
        .bracket(3, 4, "phase 2")?;
    Ok(Panel::new("gain maps", maps))
}

fn population() -> Result<Panel> {
    let mut rng = rng::stream(3, "demonstration", &[]);
    let mut slopes = |n: usize, centre: f64, spread: f64| -> Vec<f64> {
        (0..n).map(|_| centre * (spread * rng::normal(&mut rng)).exp()).collect()
    };
    let (conv1, conv2) = (slopes(16, 1.22, 0.08), slopes(19, 3.5, 0.9));
    let areas = [Category::new("conv1").note("n = 16 of 20"), Category::new("conv2").note("n = 19 of 50")];
    let strip = |category, values| Strip::new(Series::new("units", Role::Recorded), category, values);
    let plot = Plot::new(
        Axis::new("Slope, attended / unattended").log(2.0).range(0.25, 32.0),
        Axis::categories("area", areas),
    )
    .with(Reference::vertical(1.0, "")?)
    .with(strip(0, conv1)?)
    .with(strip(1, conv2)?);
    Ok(Panel::new("population", plot))
}

/// The figure of the design document, on synthetic numbers.
pub fn demonstration() -> Result<Figure> {
    Ok(Figure::grid(Width::OneColumn, &[1.45, 1.0], &[RowHeight::Auto; 3])?
        .place(Cell::new(0, 0), tuning()?)?
        .place(Cell::new(0, 1), scaling()?)?
        .place(Cell::new(1, 0).spanning(1, 2), gain_maps()?)?
        .place(Cell::new(2, 0).spanning(1, 2), population()?)?
        .caption("a, mean ± s.e.m. over 48 bars per orientation; b, interval: bootstrap over orientations."))
}
