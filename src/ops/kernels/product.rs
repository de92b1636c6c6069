//! Convolution forwards and backwards: which panels are packed, and how work is cut into samples.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use std::borrow::Cow;

use super::depthwise;
use super::fresh::written;
use super::geometry::Geometry;
use super::layer::Layer;
use super::panels::Layout;
use super::phase::Phase;
use super::scratch::Scratch;
use super::{Real, each};

/// The weight of a convolution.
#[derive(Clone, Copy)]
pub(super) enum Kernels<'a, T> {
    /// In its own shape.
    Plain(&'a [T]),
    /// As [`pack_forward`] or [`pack_transposed`] made it.
    Packed(&'a [T]),
}

impl<'a, T: Real> Kernels<'a, T> {
    fn entries(self) -> &'a [T] {
        let (Self::Plain(entries) | Self::Packed(entries)) = self;
        entries
    }

    fn panels(self, pack: impl FnOnce(&[T]) -> Vec<T>) -> Cow<'a, [T]> {
        match self {
            Self::Plain(weight) => Cow::Owned(pack(weight)),
            Self::Packed(panels) => Cow::Borrowed(panels),
        }
    }
}

/// `y` `[batch, out, oh, ow]` of `x` `[batch, channels, h, w]`.
pub(super) fn forward<T: Real>(
    g: &Geometry,
    x: &[T],
    weight: Kernels<'_, T>,
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    if depthwise::serves(g) {
        return depthwise::forward(g, x, weight.entries(), bias);
    }
    let size = (g.out / g.groups, g.depth());
    let layout = Layout::of::<T>(size.0, size.1);
    let slab = &g.slab();
    let layer =
        Layer { slab, channels: g.group_channels(), out: size.0, size: (g.oh, g.ow), scratch, layout };
    let n = g.batch * g.out * g.positions();
    if let Kernels::Plain(weight) = weight
        && layer.goes_panel_by_panel(g.batch)
    {
        let of_group = |group: usize| &weight[group * size.0 * size.1..][..size.0 * size.1];
        // SAFETY: `Layer::compute_by_panel` writes all that it is given.
        return unsafe {
            written(n, |y| {
                layer.compute_by_panel(x, g.groups, bias, y, |(group, panel), to| {
                    layout.pack_panel(of_group(group), size, panel, to);
                });
            })
        };
    }
    let panels = weight.panels(|weight| pack_forward(g, weight));
    let panel = layout.len(size.0, size.1);
    // SAFETY: `Layer::compute` writes all that it is given, and the parts are all of `y`.
    unsafe {
        written(n, |y| {
            // Counted by what is written: maps may be empty where padding makes windows of nothing.
            each(y.chunks_mut(layer.len().max(1)).enumerate().collect(), g.multiplications(), |(i, y)| {
                let (group, x) = (i % g.groups, &x[i * g.group_entries()..][..g.group_entries()]);
                let bias = bias.map(|bias| &bias[group * g.group_out()..][..g.group_out()]);
                layer.compute(x, &panels[group * panel..][..panel], bias, y);
            });
        })
    }
}

/// Panels of every group, one after the other, of `weight` `[out, channels / groups, kh, kw]`.
pub(super) fn pack_forward<T: Real>(g: &Geometry, weight: &[T]) -> Vec<T> {
    if depthwise::serves(g) {
        return weight.to_vec();
    }
    let (out, depth) = (g.group_out(), g.depth());
    let layout = Layout::of::<T>(out, depth);
    let group_panels = layout.len(out, depth);
    // SAFETY: `Layout::pack` writes all panels of a group.
    unsafe {
        written(g.groups * group_panels, |all| {
            for (group, panels) in all.chunks_exact_mut(group_panels.max(1)).enumerate() {
                layout.pack(&weight[group * out * depth..][..out * depth], (out, depth), panels);
            }
        })
    }
}

/// `x` `[batch, channels, h, w]` that `y` `[batch, out, oh, ow]` spreads to.
pub(super) fn transposed<T: Real>(
    g: &Geometry,
    y: &[T],
    weight: Kernels<'_, T>,
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    if depthwise::serves(g) {
        return depthwise::transposed(g, y, weight.entries(), bias);
    }
    let n = g.batch * g.channels * g.h * g.w;
    let phases = Phase::all(g);
    if let (Kernels::Plain(weight), [phase]) = (weight, phases.as_slice())
        && Phase::is_whole(g)
    {
        let (slab, size) = (phase.slab(g), g.group_out() * g.depth());
        let layer = phase.layer::<T>(g, &slab, scratch);
        if layer.goes_panel_by_panel(g.batch) {
            // SAFETY: `Layer::compute_by_panel` writes all that it is given.
            return unsafe {
                written(n, |x| {
                    layer.compute_by_panel(y, g.groups, bias, x, |(group, panel), to| {
                        phase.pack_panel(g, &weight[group * size..][..size], panel, to);
                    });
                })
            };
        }
    }
    let panels = weight.panels(|weight| pack_transposed(g, weight));
    let group_panels: usize = phases.iter().map(|phase| phase.panels::<T>(g)).sum();
    let of_group = |i: usize| {
        let group = i % g.groups;
        let bias = bias.map(|bias| &bias[group * g.group_channels()..][..g.group_channels()]);
        (&panels[group * group_panels..][..group_panels], bias)
    };
    let ys = |i: usize| &y[i * g.group_out() * g.positions()..][..g.group_out() * g.positions()];
    if let [phase] = phases.as_slice()
        && Phase::is_whole(g)
    {
        // SAFETY: `Layer::compute` writes all that it is given, and the parts are all of `x`.
        return unsafe {
            written(n, |x| {
                let parts = x.chunks_mut(g.group_entries().max(1)).enumerate();
                each(parts.collect(), g.multiplications(), |(i, x)| {
                    let (panels, bias) = of_group(i);
                    phase.layer::<T>(g, &phase.slab(g), scratch).compute(ys(i), panels, bias, x);
                });
            })
        };
    }
    let spread = |i: usize, is_biased: bool, place: &mut dyn FnMut(&Phase, &[T])| {
        let (mut panels, bias) = of_group(i);
        for phase in &phases {
            let (of_phase, rest) = panels.split_at(phase.panels::<T>(g));
            place(phase, &phase.spread(g, ys(i), of_phase, bias.filter(|_| is_biased), scratch));
            panels = rest;
        }
    };
    if Phase::are_partition(g, &phases) {
        // SAFETY: every entry belongs to one phase, which writes it.
        return unsafe {
            written(n, |x| {
                let parts = x.chunks_mut(g.group_entries().max(1)).enumerate();
                each(parts.collect(), g.multiplications(), |(i, x)| {
                    spread(i, true, &mut |phase, from| {
                        phase.place(g, from, x, |to, from| _ = to.write(from))
                    });
                });
            })
        };
    }
    let mut x = vec![T::zero(); n];
    let parts = x.chunks_mut(g.group_entries().max(1)).enumerate();
    each(parts.collect(), g.multiplications(), |(i, x)| {
        if let (_, Some(bias)) = of_group(i) {
            x.chunks_exact_mut(g.h * g.w).zip(bias).for_each(|(x, &bias)| x.fill(bias));
        }
        spread(i, false, &mut |phase, from| phase.place(g, from, x, |to, from| *to += from));
    });
    x
}

/// Panels of every group and phase, one after the other, of `weight` `[out, channels / groups, kh, kw]`.
pub(super) fn pack_transposed<T: Real>(g: &Geometry, weight: &[T]) -> Vec<T> {
    if depthwise::serves(g) {
        return weight.to_vec();
    }
    let phases = Phase::all(g);
    let group_panels: usize = phases.iter().map(|phase| phase.panels::<T>(g)).sum();
    // SAFETY: the panels of all phases are all panels, and each phase writes its own.
    unsafe {
        written(g.groups * group_panels, |mut all| {
            for weight in weight.chunks_exact((g.group_out() * g.depth()).max(1)) {
                for phase in &phases {
                    let (panels, rest) = all.split_at_mut(phase.panels::<T>(g));
                    phase.pack(g, weight, panels);
                    all = rest;
                }
            }
        })
    }
}
