//! The Counter-Hebb update beside the exact gradient, bundle by bundle.

use std::path::PathBuf;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::families::counter_hebb::{Agreement, Batch, BundleAgreement, Config, Loss, agreement};
use crate::figure::number::{count, significant};
use crate::figure::{Axis, Bars, Category, Figure, Panel, Plot, Points, Role, Series, Width};
use crate::model::{Family, Model};
use crate::provenance::quoted;
use crate::task::{Canvas, StimulusSource, StimulusSpec};

/// On which stimuli the two are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgreementRecipe {
    /// Labelled stimuli in their text form; absent is what the model was trained on.
    pub stimulus: Option<String>,
    /// Folder with the data that the stimulus is made of; absent is the built-in set.
    pub data: Option<PathBuf>,
    /// Stimuli of the batch.
    pub n: usize,
    /// Of the stimuli.
    pub seed: u64,
    /// Loss; absent is the model's own.
    pub loss: Option<Loss>,
    /// Norms divide by the statistics of the batch, as in training, instead of their running ones.
    pub batch_statistics: bool,
}

impl Default for AgreementRecipe {
    fn default() -> Self {
        Self { stimulus: None, data: None, n: 32, seed: 0, loss: None, batch_statistics: true }
    }
}

impl AgreementRecipe {
    /// The command that compares them without a window; `path` is the model's.
    pub fn command(&self, path: &str) -> String {
        let mut line = format!("gainfield probe {} --probe update_agreement", quoted(path));
        if let Some(data) = &self.data {
            line += &format!(" --data {}", quoted(&data.to_string_lossy()));
        }
        let default = Self::default();
        if let Some(stimulus) = &self.stimulus {
            line += &format!(" --set {}", quoted(&format!("stimulus={stimulus}")));
        }
        if self.n != default.n {
            line += &format!(" --set n={}", self.n);
        }
        if let Some(loss) = self.loss {
            line += &format!(" --set loss={}", loss.name());
        }
        if self.batch_statistics != default.batch_statistics {
            line += &format!(" --set batch_statistics={}", self.batch_statistics);
        }
        if self.seed != default.seed {
            line += &format!(" --seed {}", self.seed);
        }
        line + " --out probe"
    }
}

/// Both updates side by side: the direction of each bundle's change, and how far it is off.
///
/// # Errors
/// Those of the figure description.
pub fn agreement_figure(agreement: &Agreement, n: usize) -> Result<Figure> {
    let caption = format!(
        "Counter-Hebb change beside the exact gradient of the mean loss of one batch (n = {}), bundle by bundle. \
         Left: cosine of the two. Right: largest modulus of their difference, and of the gradient. Over all \
         bundles: cosine {}, largest difference {}.",
        count(n),
        significant(agreement.whole.cosine, 6),
        significant(agreement.whole.max_difference, 3),
    );
    Ok(Figure::row(Width::TwoColumns, [cosine_panel(agreement)?, difference_panel(agreement)?])?
        .caption(caption))
}

fn bundles(agreement: &Agreement) -> Axis {
    Axis::categories("Bundle", agreement.bundles.iter().map(|row| Category::new(&row.bundle)))
}

/// Cosine of both changes, one bar per bundle.
///
/// # Errors
/// As [`agreement_figure`].
pub fn cosine_panel(agreement: &Agreement) -> Result<Panel> {
    let low = agreement.bundles.iter().map(|row| row.cosine).fold(0.0, f64::min);
    let values = agreement.bundles.iter().map(|row| row.cosine).collect();
    let bars = Bars::categories(Series::new("cosine", Role::Recorded), values)?;
    let x = Axis::new("Cosine of change and gradient").range(low, 1.0);
    let plot = Plot::new(x, bundles(agreement)).with(bars);
    let headline = format!("all: {}", significant(agreement.whole.cosine, 6));
    Ok(Panel::new("cosine", plot).headline(headline))
}

/// Largest difference beside the largest gradient, on a logarithmic axis.
///
/// # Errors
/// As [`agreement_figure`].
pub fn difference_panel(agreement: &Agreement) -> Result<Panel> {
    let place = |value: f64| if value > 0.0 { value } else { f64::NAN };
    let mut plot = Plot::new(Axis::new("Modulus").log(10.0), bundles(agreement));
    for (name, ink, of) in [
        ("largest gradient", Role::Neutral, (|row| row.max_gradient) as fn(&BundleAgreement) -> f64),
        ("largest difference", Role::Recorded, |row| row.max_difference),
    ] {
        let points: Vec<[f64; 2]> = agreement
            .bundles
            .iter()
            .enumerate()
            .map(|(i, row)| [place(of(row)), i as f64])
            .filter(|[x, _]| x.is_finite())
            .collect();
        if !points.is_empty() {
            plot = plot.with(Points::new(Series::new(name, ink), points)?);
        }
    }
    let headline = format!("largest difference {}", significant(agreement.whole.max_difference, 3));
    Ok(Panel::new("difference", plot).headline(headline))
}

/// Makes a batch of `default` stimuli, unless the recipe names others, and compares both updates on it.
///
/// # Errors
/// [`Error::Unsupported`] for another family or stimuli without labels; as [`agreement`].
pub fn update_agreement(recipe: &AgreementRecipe, default: StimulusSpec, model: &Model) -> Result<Agreement> {
    if model.info.family != Family::CounterHebb {
        let family = model.info.family.label();
        return Err(Error::Unsupported(format!(
            "the update of Counter-Hebb networks is compared with their gradient; this model is of {family}"
        )));
    }
    let mut config: Config = model.info.config.parse()?;
    config.loss_name = recipe.loss.unwrap_or(config.loss_name);
    let spec = match &recipe.stimulus {
        Some(text) => text.parse()?,
        None => default,
    };
    let source = StimulusSource::open(&spec, recipe.data.as_deref())?;
    let [channels, height, width] = config.in_shape;
    let trials = source.trials_on(Canvas { channels, height, width }, 0, recipe.n, recipe.seed)?;
    let weight = model.weights.get("head_layer.weight")?.tensor();
    let shown = trials.presentation(weight.device())?;
    let Some(labels) = shown.target.clone().filter(|labels| labels.dims() == [recipe.n]) else {
        return Err(Error::Unsupported(format!(
            "the stimulus {} has no label per trial; choose a labelled one, for example multi-mnist",
            spec.name()
        )));
    };
    let given = shown.instructions.first().and_then(|instruction| instruction.as_ref()?.prompt.clone());
    let named = config.instructions().into_iter().find(|(name, _)| *name == config.instruction);
    let instruction = match (config.mtl, named, given) {
        (false, _, _) => None,
        (true, Some((_, vector)), _) => {
            let vector = Tensor::new(vector.as_slice(), weight.device())?.unsqueeze(0)?;
            Some(vector.broadcast_as((recipe.n, config.task_vector_size))?.contiguous()?)
        }
        (true, None, given) => given,
    };
    let batch = Batch { images: shown.frames[0].image().clone(), instruction, labels };
    agreement(&config, &model.weights, &batch, recipe.batch_statistics, &mut Workspace::new())
}
