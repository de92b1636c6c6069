//! What enters the bottleneck from outside: the task and the prompted class.

use candle_core::Tensor;

use crate::dynamics::{Control, Controls, Drive};
use crate::error::{Error, Result};
use crate::nn::Embedding;

/// Value of a control that leaves the choice to the presentation.
const AS_PRESENTED: f64 = -1.0;

/// Value of the control `prompt` that takes a presented prompt away.
const NO_PROMPT: f64 = -2.0;

/// The live controls of a network of this family, and where they are in its list.
pub struct ControlSet {
    pub controls: Vec<Control>,
    softness: usize,
    task: Option<usize>,
    prompt: usize,
    n_classes: usize,
    tasks: Vec<String>,
}

/// Softness as configured: one number, or one per gain map.
pub enum Softness {
    Single(f64),
    PerMap,
}

impl Softness {
    /// Name of the control that scales the gain maps.
    pub fn control_name(&self) -> &'static str {
        match self {
            Self::Single(_) => "softness",
            Self::PerMap => "softness_scale",
        }
    }

    fn control(&self) -> Control {
        let (label, definition, default, max) = match self {
            Self::Single(value) => (
                "Softness s",
                "how far a gain map m in -1…1 changes what it multiplies: x · (1 + s · m); 0 switches it off",
                *value,
                value.max(1.0),
            ),
            Self::PerMap => (
                "Softness, times configured",
                "factor on the softness of every gain map as the configuration lists it; 0 switches them off",
                1.0,
                2.0,
            ),
        };
        Control {
            name: self.control_name().to_owned(),
            label: label.to_owned(),
            definition: definition.to_owned(),
            unit: String::new(),
            min: 0.0_f64.min(default),
            max,
            default,
            choices: Vec::new(),
            source: "configuration: softness".to_owned(),
            trained: Some(default),
            reciprocal: None,
        }
    }
}

/// The task in force and the prompt `[batch, at most n_classes]`.
pub struct TopDown {
    pub task: Option<usize>,
    pub prompt: Option<Tensor>,
}

impl ControlSet {
    /// `tasks`: names of the rows of the task tables; fewer than two leave no choice.
    pub fn new(softness: &Softness, tasks: &[String], classes: &[String]) -> Self {
        let mut controls = vec![softness.control()];
        let has_choice = tasks.len() > 1;
        let enumeration =
            |name: &str, label: &str, definition: &str, min: f64, choices: Vec<String>| Control {
                name: name.to_owned(),
                label: label.to_owned(),
                definition: definition.to_owned(),
                unit: String::new(),
                min,
                max: min + choices.len() as f64 - 1.0,
                default: AS_PRESENTED,
                choices,
                source: "presentation".to_owned(),
                ..Control::default()
            };
        if has_choice {
            let choices = [&["as presented".to_owned()], tasks].concat();
            let definition = "Which of its tasks the network does: a row of the task tables, and a one-hot at the bottleneck";
            controls.push(enumeration("task", "Task", definition, AS_PRESENTED, choices));
        }
        let choices = [&["none".to_owned(), "as presented".to_owned()], classes].concat();
        let definition = "Class to look for: its one-hot replaces the network's own labels at the bottleneck";
        controls.push(enumeration("prompt", "Prompt", definition, NO_PROMPT, choices));
        Self {
            softness: 0,
            task: has_choice.then_some(1),
            prompt: controls.len() - 1,
            n_classes: classes.len(),
            tasks: tasks.to_vec(),
            controls,
        }
    }

    /// The value that scales the gain maps.
    pub fn softness(&self, controls: &Controls) -> f64 {
        controls.get(self.softness)
    }

    /// What the controls say, or the drive where they leave it to the presentation. The prompt has
    /// the dtype and device of `like`.
    ///
    /// # Errors
    /// [`Error::Config`] if there are several tasks and none is named, [`Error::Unknown`] for a task
    /// that does not exist, [`Error::Shape`] for a prompt that does not fit.
    pub fn top_down(&self, drive: &Drive, controls: &Controls, like: &Tensor) -> Result<TopDown> {
        let instruction = drive.instruction.as_ref();
        let task = match self.task {
            None => None,
            Some(index) => {
                let chosen = controls.get(index);
                let presented = instruction.and_then(|instruction| instruction.task);
                let task = if chosen > AS_PRESENTED { Some(chosen as usize) } else { presented };
                let names = self.tasks.join(", ");
                let task = task.ok_or_else(|| {
                    let requirement = format!("set to one of {names}, as a control or by the stimulus");
                    Error::config("task", requirement, "none")
                })?;
                if task >= self.tasks.len() {
                    return Err(Error::unknown("task", task.to_string(), self.tasks.clone()));
                }
                Some(task)
            }
        };
        let batch = drive.frame.batch();
        let chosen = controls.get(self.prompt);
        let prompt = if chosen > AS_PRESENTED {
            let mut one_hot = vec![0.0f32; self.n_classes];
            one_hot[(chosen as usize).min(self.n_classes - 1)] = 1.0;
            Some(
                Tensor::from_vec(one_hot, (1, self.n_classes), like.device())?
                    .broadcast_as((batch, self.n_classes))?,
            )
        } else if chosen == AS_PRESENTED {
            instruction.and_then(|instruction| instruction.prompt.clone())
        } else {
            None
        };
        let prompt = match prompt {
            Some(prompt) => Some(prompt.to_device(like.device())?.to_dtype(like.dtype())?),
            None => None,
        };
        Ok(TopDown { task, prompt })
    }
}

/// How a prompt of fewer classes than the network has is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ShortPrompt {
    /// The rest is 0.
    Padded,
    Refused,
}

impl TopDown {
    /// The vector at the bottleneck: outputs whose first `n_classes` entries the prompt replaces,
    /// then the one-hot of the task among `n_tasks`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a prompt that does not fit.
    pub fn bottleneck(
        &self,
        outputs: &Tensor,
        n_classes: usize,
        n_tasks: usize,
        short: ShortPrompt,
    ) -> Result<Tensor> {
        let (batch, n_outputs) = outputs.dims2()?;
        let mut parts = Vec::new();
        match &self.prompt {
            None => parts.push(outputs.clone()),
            Some(prompt) => {
                let fits = match prompt.dims() {
                    &[rows, columns] if rows == batch => {
                        columns == n_classes || (columns < n_classes && short == ShortPrompt::Padded)
                    }
                    _ => false,
                };
                if !fits {
                    return Err(Error::shape("prompt", [batch, n_classes], prompt.dims()));
                }
                parts.push(prompt.pad_with_zeros(1, 0, n_classes - prompt.dim(1)?)?);
                if n_outputs > n_classes {
                    parts.push(outputs.narrow(1, n_classes, n_outputs - n_classes)?);
                }
            }
        }
        if let Some(task) = self.task {
            let one_hot: Vec<f32> = (0..n_tasks).map(|i| if i == task { 1.0 } else { 0.0 }).collect();
            let one_hot = Tensor::from_vec(one_hot, (1, n_tasks), outputs.device())?;
            parts.push(one_hot.to_dtype(outputs.dtype())?.broadcast_as((batch, n_tasks))?);
        }
        Ok(Tensor::cat(&parts, 1)?)
    }
}

/// Row `task` of a table as `[1, width, 1, 1]`.
pub fn task_row(table: &Embedding, task: usize) -> Result<Tensor> {
    let ids = Tensor::from_vec(vec![task as u32], 1, table.weight.tensor().device())?;
    Ok(table.forward(&ids)?.reshape((1, (), 1, 1))?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_prompt_replaces_labels_and_leaves_the_context() {
        let outputs = Tensor::from_vec(vec![1f32, 2.0, 3.0, 4.0], (1, 4), &Device::Cpu).unwrap();
        let prompt = Tensor::from_vec(vec![0f32, 1.0], (1, 2), &Device::Cpu).unwrap();
        let top_down = TopDown { task: Some(1), prompt: Some(prompt) };
        let vector = top_down.bottleneck(&outputs, 3, 2, ShortPrompt::Padded).unwrap();
        assert_eq!(vector.to_vec2::<f32>().unwrap(), [[0.0, 1.0, 0.0, 4.0, 0.0, 1.0]]);
        assert!(top_down.bottleneck(&outputs, 3, 2, ShortPrompt::Refused).is_err());
        assert!(top_down.bottleneck(&outputs, 1, 2, ShortPrompt::Padded).is_err());
    }
}
