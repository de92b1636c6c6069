//! Which pictures show two large objects side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Annotation, Instances, PictureEntry, RunLengths, SUPER_CATEGORIES};
use crate::error::{Error, Result};

/// When a picture is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairRule {
    /// An object must cover more than this share of the picture.
    pub min_area: f64,
    /// The two may share at most this share of the picture.
    pub max_overlap: f64,
}

impl Default for PairRule {
    fn default() -> Self {
        Self { min_area: 0.1, max_overlap: 0.01 }
    }
}

/// A picture with its two largest objects, the larger first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObjectPair {
    pub picture: PictureEntry,
    pub masks: [RunLengths; 2],
    /// Indices into [`SUPER_CATEGORIES`].
    pub labels: [u32; 2],
    pub annotation_ids: [i64; 2],
}

/// The pictures that a rule leaves, and those that could not be judged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PairSelection {
    pub pairs: Vec<ObjectPair>,
    /// File name and what is wrong with its annotations.
    pub unusable: Vec<(String, String)>,
}

/// Selects pictures in the order of the file.
///
/// Of each picture's objects (no crowds) larger than `min_area` the two largest are taken, equal
/// ones in the order of the file; the picture is kept if they overlap by at most `max_overlap`.
pub fn select_pairs(instances: &Instances, rule: PairRule) -> PairSelection {
    let mut of_picture: BTreeMap<i64, Vec<&Annotation>> = BTreeMap::new();
    for annotation in instances.annotations.iter().filter(|annotation| annotation.iscrowd == 0) {
        of_picture.entry(annotation.image_id).or_default().push(annotation);
    }
    let labels: BTreeMap<i64, &str> =
        instances.categories.iter().map(|category| (category.id, category.supercategory.as_str())).collect();
    let mut selection = PairSelection::default();
    for picture in &instances.images {
        let pixels = picture.height as f64 * picture.width as f64;
        let mut large: Vec<&Annotation> = of_picture
            .get(&picture.id)
            .into_iter()
            .flatten()
            .copied()
            .filter(|annotation| annotation.area / pixels > rule.min_area)
            .collect();
        large.sort_by(|a, b| b.area.total_cmp(&a.area));
        let [first, second, ..] = large[..] else { continue };
        match pair(picture, [first, second], rule.max_overlap * pixels, &labels) {
            Ok(pair) => selection.pairs.extend(pair),
            Err(err) => selection.unusable.push((picture.file_name.clone(), err.to_string())),
        }
    }
    selection
}

fn pair(
    picture: &PictureEntry,
    objects: [&Annotation; 2],
    most_shared: f64,
    categories: &BTreeMap<i64, &str>,
) -> Result<Option<ObjectPair>> {
    let mask = |object: &Annotation| object.segmentation.mask(picture.height, picture.width);
    let masks = [mask(objects[0])?, mask(objects[1])?];
    let shared = masks[0].rows().iter().zip(masks[1].rows()).filter(|(a, b)| **a && *b).count();
    if shared as f64 > most_shared {
        return Ok(None);
    }
    let label = |object: &Annotation| {
        let name = categories.get(&object.category_id).copied().unwrap_or_default();
        SUPER_CATEGORIES
            .iter()
            .position(|known| *known == name)
            .map(|label| label as u32)
            .ok_or_else(|| Error::unknown("super-category", name, SUPER_CATEGORIES))
    };
    Ok(Some(ObjectPair {
        picture: picture.clone(),
        masks,
        labels: [label(objects[0])?, label(objects[1])?],
        annotation_ids: objects.map(|object| object.id),
    }))
}

/// Inverse prevalence of each super-category among the selected objects, summing to 1.
///
/// # Errors
/// [`Error::Unsupported`] if one does not occur: its weight would be infinite.
pub fn class_weights(labels: impl IntoIterator<Item = [u32; 2]>) -> Result<[f64; 12]> {
    let mut counts = [0_u32; SUPER_CATEGORIES.len()];
    for label in labels.into_iter().flatten() {
        counts[label as usize] += 1;
    }
    if let Some(missing) = counts.iter().position(|&count| count == 0) {
        return Err(Error::Unsupported(format!(
            "no selected object is of the super-category {}, so that classes cannot be weighted; use more pictures",
            SUPER_CATEGORIES[missing]
        )));
    }
    let total = f64::from(counts.iter().sum::<u32>());
    let inverse = counts.map(|count| total / f64::from(count));
    let sum: f64 = inverse.iter().sum();
    Ok(inverse.map(|weight| weight / sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::coco::{Category, Segmentation};

    fn object(id: i64, columns: std::ops::Range<usize>) -> Annotation {
        let counts =
            vec![columns.start as u64 * 10, columns.len() as u64 * 10, (20 - columns.end as u64) * 10];
        Annotation {
            id,
            image_id: 1,
            category_id: 7,
            iscrowd: 0,
            area: columns.len() as f64 * 10.0,
            bbox: None,
            segmentation: Segmentation::Runs { size: [10, 20], counts },
        }
    }

    fn selected(annotations: Vec<Annotation>) -> PairSelection {
        let picture = PictureEntry { id: 1, width: 20, height: 10, file_name: "a.png".into() };
        let category = Category { id: 7, name: "dog".into(), supercategory: "animal".into() };
        let instances = Instances { images: vec![picture], annotations, categories: vec![category] };
        select_pairs(&instances, PairRule { max_overlap: 0.05, ..PairRule::default() })
    }

    #[test]
    fn the_two_largest_are_taken_and_equal_ones_in_file_order() {
        let selection = selected(vec![object(1, 0..5), object(2, 5..13), object(3, 13..18)]);
        assert_eq!(selection.pairs[0].annotation_ids, [2, 1]);
        assert_eq!(selection.pairs[0].labels, [1, 1]);
    }

    #[test]
    fn overlap_up_to_the_limit_passes_and_a_third_object_never_steps_in() {
        assert_eq!(selected(vec![object(1, 0..8), object(2, 7..14)]).pairs.len(), 1);
        assert_eq!(selected(vec![object(1, 0..8), object(2, 6..13), object(3, 14..20)]).pairs.len(), 0);
    }

    #[test]
    fn small_objects_and_crowds_do_not_count_and_broken_masks_are_reported() {
        // Exactly a tenth is not more than a tenth.
        assert_eq!(selected(vec![object(1, 0..8), object(2, 10..12)]).pairs.len(), 0);
        let crowd = Annotation { iscrowd: 1, ..object(2, 10..18) };
        assert_eq!(selected(vec![object(1, 0..8), crowd]).pairs.len(), 0);
        let runs = Segmentation::Runs { size: [10, 20], counts: vec![3] };
        let broken = Annotation { segmentation: runs, ..object(2, 10..18) };
        let selection = selected(vec![object(1, 0..8), broken]);
        assert_eq!((selection.pairs.len(), selection.unusable[0].0.as_str()), (0, "a.png"));
    }

    #[test]
    fn weights_are_inverse_to_prevalence_and_need_every_class() {
        let labels: Vec<[u32; 2]> =
            (0..12).map(|label| [label, if label == 0 { 1 } else { label }]).collect();
        let weights = class_weights(labels.clone()).unwrap();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((weights[0] / weights[1] - 3.0).abs() < 1e-12);
        assert!(class_weights(labels[1..].to_vec()).unwrap_err().to_string().contains("accessory"));
    }
}
