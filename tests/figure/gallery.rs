//! One panel for every kind of mark and axis, with the awkward cases: gaps, clipping, missing values, long names.

use gainfield::figure::{
    Axis, Bars, Category, Cell, ColourMap, ColourScale, Emphasis, Figure, Image, Ink, Line, Maps, Panel,
    Plot, Points, Raster, Reference, Role, RowHeight, Series, Span, Strip, Text, Width,
};
use gainfield::{Result, rng};

fn wave(phase: f64, decay: f64) -> Vec<[f64; 2]> {
    (0..200)
        .map(|t| [f64::from(t), (-f64::from(t) * decay).exp() * (0.1 * f64::from(t) + phase).sin() + 1.0])
        .collect()
}

fn time_course() -> Result<Panel> {
    let mut plot = Plot::new(
        Axis::new("Time from stimulus onset").unit("ms"),
        Axis::new("Population mean").unit("a.u."),
    )
    .with(Span::new(20.0, 80.0, "cue: digit 3", Role::Stimulus)?)
    .with(Span::new(60.0, 120.0, "silenced", Role::Intervention)?)
    .with(Reference::horizontal(1.0, "baseline")?);
    for (i, name) in ["area 1", "area 2", "area 3", "area 4", "area 5", "read-out"].iter().enumerate() {
        let mut points = wave(0.9 * i as f64, 0.004);
        points[150][1] = f64::NAN;
        plot = plot.with(Line::new(Series::new(*name, Ink::Category(i)), points)?);
    }
    Ok(Panel::new("time course", plot))
}

fn loss() -> Result<Panel> {
    let mut rng = rng::stream(4, "gallery", &[]);
    let smooth = |i: u32| 0.5 * (-f64::from(i) / 900.0).exp() + 4e-4;
    let raw = (0..6000).map(|i| [f64::from(i), smooth(i) * (0.35 * rng::normal(&mut rng)).exp()]).collect();
    let mut plot = Plot::new(Axis::new("Update"), Axis::new("Mask loss").log(10.0));
    plot = plot.with(Line::new(Series::new("raw", Ink::Category(0)).quiet(), raw)?.emphasis(Emphasis::Faint));
    let line = (0..6000).step_by(10).map(|i| [f64::from(i), smooth(i)]).collect();
    let before = (0..3000).step_by(10).map(|i| [f64::from(i), 2.0 * smooth(i)]).collect();
    plot = plot
        .with(Line::new(Series::new("digits-03", Ink::Category(0)), line)?)
        .with(Line::new(Series::new("digits-02", Ink::Category(1)), before)?.emphasis(Emphasis::Ghost));
    Ok(Panel::new("loss", plot))
}

fn dissimilarity() -> Result<Panel> {
    let n = 12;
    let value = |i: usize| {
        let (row, column) = (i / n, i % n);
        if row == 7 || column == 7 { f32::NAN } else { (row as f32 - column as f32).abs() / 11.0 }
    };
    let scale = ColourScale::new(ColourMap::Viridis, [0.0, 0.8], "Dissimilarity, 1 − r")?;
    let raster = Raster::new((0..n * n).map(value).collect(), n, scale)?;
    let plot =
        Plot::new(Axis::new("Condition"), Axis::new("Condition").reversed()).with(Image::new("rdm", raster));
    Ok(Panel::new("rdm", plot.equal_axes()))
}

fn accuracy() -> Result<Panel> {
    let phases = [
        Category::new("phase 1").note("n = 1 024"),
        Category::new("phase 2"),
        Category::new("read-out pass"),
    ];
    let bars = Bars::categories(Series::new("accuracy", Role::Recorded).quiet(), vec![0.97, 0.94, 0.985])?
        .errors(vec![[0.955, 0.98], [0.92, 0.955], [0.97, 0.99]], "95 % CI")?;
    let plot = Plot::new(Axis::categories("", phases), Axis::new("Accuracy").range(0.0, 1.0))
        .with(bars)
        .with(Reference::horizontal(0.1, "chance")?);
    Ok(Panel::new("accuracy", plot))
}

fn histogram() -> Result<Panel> {
    let mut rng = rng::stream(5, "gallery", &[]);
    let edges: Vec<f64> = (0..=20).map(|i| -1.0 + 0.1 * f64::from(i)).collect();
    let mut counts = vec![0.0; 20];
    for _ in 0..400 {
        let bin = (10.0 + 4.0 * rng::normal(&mut rng)).clamp(0.0, 19.0) as usize;
        counts[bin] += 1.0;
    }
    let plot = Plot::new(Axis::new("Attention modulation index"), Axis::new("Units"))
        .with(Bars::histogram(Series::new("units", Role::Recorded).quiet(), &edges, counts)?)
        .with(Reference::vertical(0.0, "no effect")?)
        .with(Text::new([-0.95, 40.0], "n = 400")?);
    Ok(Panel::new("histogram", plot))
}

fn coloured() -> Result<Panel> {
    let mut rng = rng::stream(6, "gallery", &[]);
    let points: Vec<[f64; 2]> = (0..60)
        .map(|i| {
            let x = f64::from(i) / 40.0;
            [x, 0.6 * x + 0.15 * rng::normal(&mut rng)]
        })
        .collect();
    let angles = (0..60).map(|i| 3.0 * f64::from(i)).collect();
    let scale = ColourScale::new(ColourMap::Twilight, [0.0, 180.0], "Orientation")?
        .unit("°")
        .ticks([0.0, 90.0, 180.0]);
    let others: Vec<[f64; 2]> = (0..300).map(|_| [rng::uniform(&mut rng), rng::uniform(&mut rng)]).collect();
    let plot = Plot::new(Axis::new("Unattended").range(0.0, 1.0), Axis::new("Attended").range(0.0, 1.0))
        .equal_axes()
        .with(Points::new(Series::new("other units", Ink::Muted).quiet(), others)?.emphasis(Emphasis::Faint))
        .with(
            Points::new(Series::new("unit", Ink::Text).quiet(), points)?
                .filled()
                .coloured_by(angles, scale)?,
        )
        .with(Reference::unity());
    Ok(Panel::new("coloured", plot).headline("R² 0.93"))
}

fn markers() -> Result<Panel> {
    let mut plot = Plot::new(Axis::new("Contrast").unit("%").log(10.0), Axis::new("Response"));
    for i in 0..8 {
        let points: Vec<[f64; 2]> = (0..6)
            .map(|k| [2.0 * 2_f64.powi(k), f64::from(k) / (2.0 + f64::from(k)) + 0.2 * f64::from(i)])
            .collect();
        let series = Series::new(format!("unit {i}"), Ink::Category(i as usize));
        plot = plot.with(Line::new(series.clone(), points.clone())?).with(Points::new(series, points)?);
    }
    Ok(Panel::new("markers", plot))
}

fn strips() -> Result<Panel> {
    let mut rng = rng::stream(7, "gallery", &[]);
    let mut values = |n: usize, centre: f64| -> Vec<f64> {
        (0..n).map(|_| centre * (0.8 * rng::normal(&mut rng)).exp()).collect()
    };
    let areas = ["area 1", "area 2", "area 3"].map(Category::new);
    let mut plot = Plot::new(Axis::categories("", areas), Axis::new("Ratio").log(2.0).range(0.5, 4.0));
    for (i, (n, centre)) in [(60, 1.0), (40, 1.5), (30, 2.0)].into_iter().enumerate() {
        plot = plot.with(Strip::new(Series::new("units", Role::Recorded), i, values(n, centre))?.chosen(0)?);
    }
    Ok(Panel::new("strips", plot.with(Reference::horizontal(1.0, "")?)))
}

fn fields() -> Result<Panel> {
    let field = |sign: f32| {
        (0..15 * 15)
            .map(|i| {
                let (x, y) = ((i % 15) as f32 - 7.0, (i / 15) as f32 - 7.0);
                sign * (-(x * x + y * y) / 12.0).exp() * (0.9 * x).cos()
            })
            .collect::<Vec<f32>>()
    };
    let change = ColourScale::fitting(ColourMap::Change, &field(1.0), "weight").ticks([-1.0, 0.0, 1.0]);
    let response = ColourScale::new(ColourMap::Magma, [0.2, 0.6], "resp.")?;
    let colours = (0..225).map(|i| [(i % 15 * 17) as u8, (i / 15 * 17) as u8, 128]).collect();
    let mut missing = field(1.0);
    missing[..60].fill(f32::NAN);
    let maps = Maps::new(vec![vec![
        Raster::rgb(colours, 15)?,
        Raster::new(field(1.0), 15, change.clone())?,
        Raster::new(field(-1.0), 15, change)?,
        Raster::new(missing, 15, response)?,
    ]])?
    .column_titles(["Stimulus", "Unit 3", "Unit 17, silenced", "Not reached yet"])?
    .row_titles(["area 2"])?;
    Ok(Panel::new("fields", maps))
}

/// Nine panels on two columns.
pub fn gallery() -> Result<Figure> {
    let rows = [RowHeight::Mm(52.0), RowHeight::Auto, RowHeight::Auto, RowHeight::Auto];
    Figure::grid(Width::TwoColumns, &[1.0, 1.0, 1.0], &rows)?
        .place(Cell::new(0, 0).spanning(1, 2), time_course()?)?
        .place(Cell::new(0, 2), loss()?)?
        .place(Cell::new(1, 0), dissimilarity()?)?
        .place(Cell::new(1, 1), accuracy()?)?
        .place(Cell::new(1, 2), histogram()?)?
        .place(Cell::new(2, 0), coloured()?)?
        .place(Cell::new(2, 1), markers()?)?
        .place(Cell::new(2, 2), strips()?)?
        .place(Cell::new(3, 0).spanning(1, 3), fields()?)
}
