//! `gainfield probe`: tuning curves, attention scaling and receptive fields of units.

use std::path::{Path, PathBuf};

use clap::Args;
use gainfield::dynamics::{Units, Workspace};
use gainfield::families::counter_hebb::Agreement;
use gainfield::figure::{Figure, style::DEFAULT_DPI};
use gainfield::figure::{Format, export};
use gainfield::files;
use gainfield::model::Model;
use gainfield::probe::{
    self, AgreementRecipe, InhibitionRecipe, InhibitionResult, ProbeRecipe, ReferenceRecipe, RfRecipe,
    Statistic, TuningResult, figures, figures::Measure, receptive_fields, table,
};
use gainfield::provenance::{Provenance, quoted};
use gainfield::recipe::default_stimulus;
use gainfield::settings::Overrides;
use gainfield::{Error, Result, families};
use serde_json::{Map, Value, json};

use super::progress::Shown;
use super::{Common, Ending, Failure, Outcome, Settings, print};

/// Names of probes besides the features.
const REFERENCE: &str = "reference";
const RECEPTIVE_FIELD: &str = "receptive_field";
const UPDATE_AGREEMENT: &str = "update_agreement";
const INHIBITION: &str = "inhibition";

#[derive(Debug, Args)]
pub struct ProbeCommand {
    /// Checkpoint, or a bundled network (`gainfield info` lists them).
    #[arg(required_unless_present = "recipe")]
    path: Option<PathBuf>,
    /// TOML file with model, probe and settings; flags go before it.
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// orientation, spatial_frequency, contrast, position_x, position_y, size, receptive_field,
    /// inhibition (of return), reference, update_agreement.
    #[arg(long, value_name = "NAME")]
    probe: Option<String>,
    /// Area whose units are probed.
    #[arg(long, value_name = "AREA")]
    area: Option<String>,
    /// all, channels (7, 3-9), units (7:16:17), a position (*:16:17); comma-separated.
    #[arg(long)]
    units: Option<Units>,
    /// Conditions, for example attended, unattended, first_pass; the family's usual ones if absent.
    #[arg(long = "condition", value_name = "NAME", value_delimiter = ',')]
    conditions: Vec<String>,
    /// Folder with IDX digits, for the probes that show some.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// What is probed, once flags and file are one.
enum Asked {
    Tuning(ProbeRecipe),
    Reference(ReferenceRecipe),
    ReceptiveField(RfRecipe),
    UpdateAgreement(AgreementRecipe),
    Inhibition(InhibitionRecipe),
}

impl ProbeCommand {
    pub fn execute(&self, common: &Common) -> Outcome {
        let mut table = self.table().map_err(Failure::usage)?;
        let take_path = |table: &mut Map<String, Value>, key: &str| {
            table.remove(key).and_then(|value| value.as_str().map(PathBuf::from))
        };
        let path = self.path.clone().or(take_path(&mut table, "model"));
        let out = self.out.clone().or(take_path(&mut table, "out"));
        let (Some(path), Some(out)) = (path, out) else {
            return Err(Failure::usage(Error::config(
                "PATH and --out",
                "a checkpoint and a folder",
                "nothing",
            )));
        };
        let (asked, overrides) = asked(table).map_err(Failure::usage)?;
        let target = common.target()?;
        let model = families::open(&path, &overrides, &target)?;
        let mut shown = Shown::new(common.quiet);
        let result = run(&asked, &model, &mut shown);
        shown.finish();
        let (config, seed) = match &asked {
            Asked::Tuning(recipe) => (json!(recipe), recipe.seed),
            Asked::Reference(recipe) => (json!(recipe), recipe.seed),
            Asked::ReceptiveField(recipe) => (json!(recipe), 0),
            Asked::UpdateAgreement(recipe) => (json!(recipe), recipe.seed),
            Asked::Inhibition(recipe) => (json!(recipe), recipe.seed),
        };
        let provenance = Provenance {
            config: json!({"probe": config, "model": model.info.config}),
            seed: Some(seed),
            checkpoint: model.info.origin.sha256.clone().map(|sha256| gainfield::provenance::DataFile {
                name: model.info.origin.name.clone(),
                sha256,
            }),
            ..Provenance::new(command_line())
        };
        let result = result?;
        let headline = match &result {
            Found::Agreement(agreement) => json!(agreement.whole),
            _ => Value::Null,
        };
        let (results, files) = match result {
            Found::Tuning(result, statistic) => {
                (table::summary(&result, statistic), write_tuning(&result, statistic, &out, &provenance)?)
            }
            Found::Fields(area, fields) => {
                let mut written = Vec::new();
                for field in &fields {
                    let figure = figures::receptive_field(&area, field)?;
                    let stem = format!("receptive_field_{}", field.unit);
                    written.extend(export(&figure, &out, &stem, &Format::ALL, DEFAULT_DPI, &provenance)?);
                }
                (json!({"area": area, "fields": fields}), written)
            }
            Found::Agreement(agreement) => {
                let path = out.join("update_agreement.csv");
                files::write_atomic(&path, agreement_csv(&agreement))?;
                provenance.write_beside(&path)?;
                (json!(agreement), vec![path])
            }
            Found::Inhibition(result) => {
                let figure = probe::inhibition_figure(&result)?;
                let files = export(&figure, &out, INHIBITION, &Format::ALL, DEFAULT_DPI, &provenance)?;
                (json!(*result), files)
            }
        };
        if common.json {
            let config = provenance.config;
            print::json(&json!({"config": config, "seed": seed, "files": files, "results": results}))?;
        } else {
            let scaling = results.get("scaling").unwrap_or(&results);
            let shown = if headline.is_null() { scaling } else { &headline };
            print::line(serde_json::to_string_pretty(shown).unwrap_or_default())?;
            for file in files {
                print::line(format_args!("wrote {}", file.display()))?;
            }
        }
        Ok(Ending::Done)
    }

    /// The recipe file, if any, with the flags over it.
    fn table(&self) -> Result<Map<String, Value>> {
        let mut table = match &self.recipe {
            Some(file) => gainfield::settings::read_table(file)?,
            None => Map::new(),
        };
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                table.insert(key.to_owned(), value);
            }
        };
        set("probe", self.probe.clone().map(Value::from));
        set("area", self.area.clone().map(Value::from));
        set("units", self.units.as_ref().map(|units| units.to_string().into()));
        set("conditions", (!self.conditions.is_empty()).then(|| json!(self.conditions)));
        set("data", self.data.as_ref().map(|data| data.display().to_string().into()));
        set("seed", self.seed.map(Value::from));
        for (key, value) in Overrides::read(self.settings.config.as_deref(), &self.settings.sets)?.iter() {
            table.insert(key.to_owned(), value.clone());
        }
        Ok(table)
    }
}

/// Divides the settings between the probe and the configuration of the model.
fn asked(mut table: Map<String, Value>) -> Result<(Asked, Overrides)> {
    let name = table.remove("probe").and_then(|name| name.as_str().map(str::to_owned));
    let name = name.map_or_else(|| "orientation".to_owned(), |name| name.replace('-', "_"));
    let known = match name.as_str() {
        REFERENCE => json!(ReferenceRecipe::default()),
        RECEPTIVE_FIELD => json!(RfRecipe::default()),
        UPDATE_AGREEMENT => json!(AgreementRecipe::default()),
        INHIBITION => json!(InhibitionRecipe::default()),
        feature => {
            if !probe::Feature::ALL.iter().any(|one| one.name() == feature) {
                let names = probe::Feature::ALL.map(probe::Feature::name);
                return Err(Error::unknown(
                    "probe",
                    feature,
                    names.into_iter().chain([RECEPTIVE_FIELD, INHIBITION, REFERENCE, UPDATE_AGREEMENT]),
                ));
            }
            table.insert("feature".to_owned(), feature.into());
            json!(ProbeRecipe::default())
        }
    };
    let mut own = Map::new();
    let mut overrides = Overrides::default();
    for (key, value) in table {
        if known.get(&key).is_some() {
            own.insert(key, value);
        } else {
            overrides.push(key, value);
        }
    }
    fn parsed<T: serde::de::DeserializeOwned>(own: Map<String, Value>) -> Result<T> {
        serde_json::from_value(Value::Object(own))
            .map_err(|err| Error::config("the probe's settings", err.to_string(), "another value"))
    }
    let asked = match name.as_str() {
        REFERENCE => Asked::Reference(parsed(own)?),
        RECEPTIVE_FIELD => Asked::ReceptiveField(parsed(own)?),
        UPDATE_AGREEMENT => Asked::UpdateAgreement(parsed(own)?),
        INHIBITION => Asked::Inhibition(parsed(own)?),
        _ => Asked::Tuning(parsed(own)?),
    };
    Ok((asked, overrides))
}

enum Found {
    Tuning(Box<TuningResult>, Statistic),
    Fields(String, Vec<probe::ReceptiveField>),
    Agreement(Agreement),
    Inhibition(Box<InhibitionResult>),
}

fn run(asked: &Asked, model: &Model, shown: &mut Shown) -> Result<Found> {
    let mut workspace = Workspace::new();
    Ok(match asked {
        Asked::Tuning(recipe) => {
            Found::Tuning(Box::new(probe::run(recipe, model, &mut workspace, shown)?), Statistic::Mean)
        }
        Asked::Reference(recipe) => {
            Found::Tuning(Box::new(probe::reference(recipe, model, shown)?), Statistic::Max)
        }
        Asked::ReceptiveField(recipe) => {
            Found::Fields(recipe.area.clone(), receptive_fields(recipe, model, &mut workspace, shown)?)
        }
        Asked::UpdateAgreement(recipe) => {
            let default = match &recipe.stimulus {
                Some(text) => text.parse()?,
                None => default_stimulus(model)?,
            };
            Found::Agreement(probe::update_agreement(recipe, default, model)?)
        }
        Asked::Inhibition(recipe) => {
            Found::Inhibition(Box::new(probe::inhibition(recipe, model, &mut workspace, shown)?))
        }
    })
}

/// One line per bundle, bottom to top, and one for all.
fn agreement_csv(agreement: &Agreement) -> String {
    let rows = agreement.bundles.iter().chain([&agreement.whole]).map(|row| {
        format!("{},{},{:e},{:e}\n", row.bundle, row.cosine, row.max_difference, row.max_gradient)
    });
    std::iter::once("bundle,cosine,max_difference,max_gradient\n".to_owned()).chain(rows).collect()
}

/// Figures of the strongest unit and of the population, and all responses as a table.
fn write_tuning(
    result: &TuningResult,
    statistic: Statistic,
    out: &Path,
    provenance: &Provenance,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let mut figure = |figure: &Figure, stem: &str| -> Result<()> {
        written.extend(export(figure, out, stem, &Format::ALL, DEFAULT_DPI, provenance)?);
        Ok(())
    };
    if let Some(&unit) = result.units_by_peak(statistic).first() {
        figure(&figures::tuning(result, unit, statistic)?, "tuning")?;
        if result.conditions.iter().any(|condition| condition.course.is_some()) {
            figure(&figures::over_time(result, unit, statistic)?, "over_time")?;
        }
        if result.condition("attended").is_some() && result.condition("unattended").is_some() {
            figure(&figures::scaling(result, unit, statistic)?, "scaling")?;
            let areas = result.scaling_by_area(statistic);
            let all = figures::summary(result, unit, statistic, None, &areas, Measure::Ratio)?;
            figure(&all, "summary")?;
        }
    }
    let areas = result.scaling_by_area(statistic);
    if areas.iter().any(|(_, scaling)| !scaling.units.is_empty()) {
        figure(&figures::population(&areas, None, Measure::Ratio)?, "population")?;
    }
    let path = out.join("responses.csv");
    files::write_atomic(&path, table::csv(result)?)?;
    written.push(path);
    Ok(written)
}

/// The command that is running, to be written beside what it makes.
fn command_line() -> String {
    let arguments = std::env::args().skip(1).map(|argument| quoted(&argument));
    std::iter::once("gainfield".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}
