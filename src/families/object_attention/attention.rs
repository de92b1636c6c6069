//! What the attention protocol carries from pass to pass besides the gates: the inhibition of
//! return and which objects have been attended.

use candle_core::{DType, Device, Tensor};

use super::areas::MemoryIndex;
use crate::error::{Error, Result};

/// A gate below this attends its pixel, so that the next phase inhibits it.
const ATTENDED_BELOW: f64 = 0.5;
/// In `pick`: no object has been picked.
pub(super) const NO_PICK: i64 = -1;

/// The protocol's part of a state.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    /// Per stage, 0 or 1: where the gate is held at 1 in this phase, before interventions.
    pub(super) inhibition: Vec<Tensor>,
    /// The same for the phase to come.
    pub(super) next: Vec<Tensor>,
    /// `[batch, objects]` on the CPU, 1 for an object that a phase has picked.
    pub(super) taken: Tensor,
    /// `[batch]` on the CPU: the object picked in this phase, or [`NO_PICK`].
    pub(super) pick: Tensor,
    /// `[batch, objects]` on the CPU: squared distance of the gated picture to each target at the
    /// last pick, whether taken or not.
    pub(super) distance: Tensor,
}

impl Attention {
    pub(super) fn rest(inhibition: Vec<Tensor>, batch: usize, objects: usize) -> Result<Self> {
        Ok(Self {
            next: inhibition.clone(),
            inhibition,
            taken: Tensor::zeros((batch, objects), DType::U8, &Device::Cpu)?,
            pick: Tensor::full(NO_PICK, batch, &Device::Cpu)?,
            distance: Tensor::zeros((batch, objects), DType::F32, &Device::Cpu)?,
        })
    }

    /// # Errors
    /// [`Error::Shape`] if the state is another model's.
    pub(super) fn from_memory(memory: &[Tensor], n_stages: usize) -> Result<Self> {
        let at = MemoryIndex::new(n_stages);
        if memory.len() != at.distance() + 1 {
            return Err(Error::shape("memory of the state", [at.distance() + 1], &[memory.len()]));
        }
        Ok(Self {
            inhibition: (0..n_stages).map(|stage| memory[at.inhibition(stage)].clone()).collect(),
            next: (0..n_stages).map(|stage| memory[at.next(stage)].clone()).collect(),
            taken: memory[at.taken()].clone(),
            pick: memory[at.pick()].clone(),
            distance: memory[at.distance()].clone(),
        })
    }

    pub(super) fn into_memory(self) -> Vec<Tensor> {
        let mut memory = self.inhibition;
        memory.extend(self.next);
        memory.extend([self.taken, self.pick, self.distance]);
        memory
    }

    /// The inhibition that the last phase left comes into force; nothing is picked yet.
    pub(super) fn begin_phase(&mut self) -> Result<()> {
        self.inhibition = self.next.clone();
        self.pick = Tensor::full(NO_PICK, self.pick.dims(), &Device::Cpu)?;
        Ok(())
    }

    /// Decides the inhibition of the next phase: where it is in force now, or the gate attends.
    pub(super) fn decide_next(&mut self, in_force: &[Tensor], gates: &[Tensor]) -> Result<()> {
        self.next = in_force
            .iter()
            .zip(gates)
            .map(|(inhibition, gate)| {
                let attended = gate.detach().lt(ATTENDED_BELOW)?;
                let kept = inhibition.eq(1.0)?;
                Ok(kept.maximum(&attended)?.to_dtype(inhibition.dtype())?)
            })
            .collect::<Result<_>>()?;
        Ok(())
    }

    /// Picks for every trial the object, among those not taken, whose target is nearest to the
    /// gated picture; the leftmost of equals. Where all are taken nothing is picked.
    ///
    /// `gated`: `[batch, ..]`; `targets`: `[objects, batch, ..]`. In the first phase the number of
    /// objects may differ from the one before.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not belong together.
    pub(super) fn pick(&mut self, gated: &Tensor, targets: &Tensor, is_first_phase: bool) -> Result<()> {
        let Some((&objects, one)) = targets.dims().split_first() else {
            return Err(Error::shape("targets", "[objects, batch, …]", targets.dims()));
        };
        if one != gated.dims() {
            let expected = [&[objects], gated.dims()].concat();
            return Err(Error::shape("targets", expected, targets.dims()));
        }
        let batch = gated.dims()[0];
        let mut taken = if is_first_phase && self.taken.dims() != [batch, objects] {
            vec![vec![0; objects]; batch]
        } else if self.taken.dims() == [batch, objects] {
            self.taken.to_vec2::<u8>()?
        } else {
            let expected = format!("{} objects, as in the first phase", self.taken.dim(1)?);
            return Err(Error::shape("targets", expected, targets.dims()));
        };
        let distance = squared_distances(gated, targets)?;
        let mut pick = vec![NO_PICK; batch];
        for (trial, taken) in taken.iter_mut().enumerate() {
            let of = |object: usize| distance[object * batch + trial];
            let free = (0..objects).filter(|&object| taken[object] == 0);
            let nearest = free.reduce(|best, object| if of(object) < of(best) { object } else { best });
            if let Some(object) = nearest {
                taken[object] = 1;
                pick[trial] = object as i64;
            }
        }
        let distance = Tensor::from_vec(distance, (objects, batch), &Device::Cpu)?;
        self.distance = distance.t()?.contiguous()?.to_dtype(DType::F32)?;
        self.taken = Tensor::from_vec(taken.concat(), (batch, objects), &Device::Cpu)?;
        self.pick = Tensor::from_vec(pick, batch, &Device::Cpu)?;
        Ok(())
    }
}

/// Sum over all pixels and channels, `[objects * batch]`.
fn squared_distances(gated: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
    let cpu = |tensor: &Tensor| Ok::<_, Error>(tensor.detach().to_device(&Device::Cpu)?);
    let gated = cpu(gated)?;
    let targets = cpu(targets)?.to_dtype(gated.dtype())?;
    let squares = targets.broadcast_sub(&gated.unsqueeze(0)?)?.sqr()?.to_dtype(DType::F64)?;
    Ok(squares.flatten_from(2)?.sum(2)?.flatten_all()?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn the_leftmost_of_equals_is_picked_and_never_twice() {
        let mut attention = Attention::rest(Vec::new(), 1, 3).unwrap();
        let gated = vector(&[1.0, 2.0], &[1, 2]);
        let targets = vector(&[9.0, 9.0, 1.0, 3.0, 2.0, 2.0], &[3, 1, 2]);
        let mut picks = Vec::new();
        for phase in 0..4 {
            attention.begin_phase().unwrap();
            attention.pick(&gated, &targets, phase == 0).unwrap();
            picks.extend(attention.pick.to_vec1::<i64>().unwrap());
        }
        assert_eq!(picks, [1, 2, 0, NO_PICK]);
        assert_eq!(attention.distance.to_vec2::<f32>().unwrap(), [[113.0, 1.0, 1.0]]);
    }

    #[test]
    fn inhibition_grows_where_the_gate_is_strictly_below_one_half() {
        let mut attention = Attention::rest(vec![vector(&[0.0; 4], &[1, 4])], 1, 2).unwrap();
        let in_force = [vector(&[1.0, 0.0, 0.0, 0.0], &[1, 4])];
        let gates = [vector(&[1.0, 0.5, 0.49, -0.9], &[1, 4])];
        attention.decide_next(&in_force, &gates).unwrap();
        assert_eq!(attention.next[0].to_vec2::<f32>().unwrap(), [[1.0, 0.0, 1.0, 1.0]]);
    }

    #[test]
    fn the_number_of_objects_may_change_only_in_the_first_phase() {
        let mut attention = Attention::rest(Vec::new(), 1, 2).unwrap();
        let gated = vector(&[1.0], &[1, 1]);
        let three = vector(&[1.0, 2.0, 3.0], &[3, 1, 1]);
        assert!(attention.pick(&gated, &three, false).is_err());
        attention.pick(&gated, &three, true).unwrap();
        assert_eq!(attention.taken.dims(), [1, 3]);
    }
}
