//! A network small enough to check with a pencil: two areas, the second leaky.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use gainfield::dynamics::{
    Area, AreaKind, Control, Controls, Drive, Dynamics, Frame, GainRule, Instruction, LabelSet, Pass,
    Prepared, Presentation, ProtocolOptions, Schedule, State, StepContext, TimeUnit,
};
use gainfield::{Result, ops};

/// `a = relu(x)`, `g = leak * g + a` (a gain-like map), readout = sum of both over space.
pub struct Toy {
    areas: Vec<Area>,
    controls: Vec<Control>,
    classes: Vec<String>,
}

impl Toy {
    pub fn new() -> Self {
        let gain = GainRule { target: "a".to_owned(), sign: 1.0, control: "leak".to_owned() };
        let leak = Control {
            name: "leak".to_owned(),
            label: "Leak".to_owned(),
            definition: "share of g that survives a timestep".to_owned(),
            unit: String::new(),
            min: 0.0,
            max: 1.0,
            default: 0.5,
            choices: Vec::new(),
            source: "made up".to_owned(),
            ..Control::default()
        };
        Self {
            areas: vec![
                Area::activity("a", &[2, 2, 3]),
                Area::new("gain1", &[2, 2, 3], AreaKind::Gain(gain)),
            ],
            controls: vec![leak],
            classes: vec!["left".to_owned(), "right".to_owned()],
        }
    }

    pub fn defaults(&self) -> Controls {
        Controls::defaults(&self.controls)
    }

    pub fn image(batch: usize) -> Tensor {
        let n = batch * 12;
        let values: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin()).collect();
        Tensor::from_vec(values, (batch, 2, 2, 3), &Device::Cpu).unwrap()
    }
}

impl Dynamics for Toy {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &[]
    }

    fn controls(&self) -> &[Control] {
        &self.controls
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Timestep
    }

    fn input_shape(&self) -> [usize; 3] {
        [2, 2, 3]
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn generation(&self) -> u64 {
        0
    }

    fn rest(&self, batch: usize) -> Result<State> {
        let zeros = Tensor::zeros((batch, 2, 2, 3), DType::F32, &Device::Cpu)?;
        Ok(State { t: 0, areas: vec![zeros.clone(), zeros], memory: Vec::new(), readout: None })
    }

    fn prepare(&self, frame: &Frame, _ops: &mut ops::Workspace) -> Result<Prepared> {
        Ok(Prepared(vec![frame.image().clone()]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        _drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let a = context.preactivation(0, prepared.0[0].clone())?.relu()?;
        let a = context.activity(0, a)?;
        let leaked = (&state.areas[1] * context.controls.get(0))?;
        let g = context.activity(1, (leaked + &a)?)?;
        let readout = (&a + &g)?.sum((2, 3))?;
        Ok(State { t: state.t, areas: vec![a, g], memory: Vec::new(), readout: Some(readout) })
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        let n = options.timesteps.unwrap_or(4);
        let frame = |t: usize| Arc::clone(&presentation.frames[t.min(presentation.frames.len() - 1)]);
        let drives = (0..n)
            .map(|t| Drive {
                frame: frame(t),
                instruction: None::<Instruction>,
                target: None,
                pass: Pass::Sweep,
                phase: 0,
                pass_index: t,
                n_passes: n,
                shown: t,
            })
            .collect();
        Ok(Schedule { drives, segments: Vec::new(), published: Some(4) })
    }

    fn scored_labels(&self, _: &LabelSet, _: &Drive, _: &State) -> Result<Option<Vec<i64>>> {
        Ok(None)
    }
}
