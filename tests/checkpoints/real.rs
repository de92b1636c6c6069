//! Every file of the reference material opens, with the values that another reader finds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use candle_core::DType;
use gainfield::checkpoint::{self, Checkpoint, Container};
use pytorch_reader::PytorchReader;

use crate::folders::checkpoints_below;
use crate::support::{FIXTURES, legacy_of, open, shared, tiny_zip};

/// File, number of tensors, key, prefix.
const FILES: [(&str, usize, Option<&str>, Option<&str>); 47] = [
    ("blt/blt_full_objects_bl_blur_small_random_init.pt", 42, Some("model"), None),
    ("blt/checkpoint_blt_blt_small_random_init.pth", 48, Some("model"), None),
    ("blt/checkpoint_module_prefix_b2lt2_avg_small_random_init.pth", 64, Some("model"), Some("module.")),
    ("blt/cornet_z_module_prefix_random_init.pth", 10, Some("state_dict"), Some("module.")),
    ("blt/state_dict_b_small_random_init.pth", 26, None, None),
    ("brg/celeba/model.pth", 40, None, None),
    ("brg/coco_small/model_random_init.pth", 42, None, None),
    ("brg/coco_v2_small/model_random_init.pth", 110, None, None),
    ("brg/curves/model.pth", 38, None, None),
    ("brg/mnist/model.pth", 46, None, None),
    ("brg/mnist_v2/model.pth", 54, None, None),
    ("brg/psycphys_change/model.pth", 52, None, None),
    ("brg/psycphys_compare/model.pth", 44, None, None),
    ("brg/psycphys_contrast/model.pth", 44, None, None),
    ("brg/resatt_small/model_random_init.pth", 62, None, None),
    ("brg/shapes/model.pth", 84, None, None),
    ("brg/stl10/model.pth", 54, None, None),
    ("butd/model_mnist_chl_random_init.pth", 9, None, None),
    ("butd/model_mnist_sw_d3_backbias_random_init.pth", 21, None, None),
    ("butd/model_mnist_tinyresnet_bn_sw_random_init.pth", 149, None, None),
    ("butd/model_multi_mnist_chl_mtl_random_init.pth", 39, None, None),
    ("butd/model_multi_mnist_convnet_sw_mtl_random_init.pth", 16, None, None),
    ("butd/model_multi_mnist_sw_chl_mtl_trained_8k_5ep.pth", 26, None, None),
    ("butd/model_multi_mnist_sw_chl_mtl_trained_8k_5ep.tar", 26, Some("model_state_dict"), None),
    ("butd/model_multi_mnist_sw_mtl_dataparallel_random_init.pth", 26, None, Some("module.")),
    ("butd/model_multi_mnist_sw_mtl_epoch_1_random_init.tar", 26, Some("model_state_dict"), None),
    ("butd/model_multi_mnist_sw_mtl_multi_d_random_init.pth", 26, None, None),
    ("butd/model_multi_mnist_sw_mtl_random_init.pth", 26, None, None),
    ("butd/model_multi_mnist_tinyresnet_mtl_random_init.pth", 37, None, None),
    ("cordsnet/cordsnet_mnist_r2_random_init.pth", 17, None, None),
    ("cordsnet/cordsnet_mnist_r4_random_init.pth", 29, None, None),
    ("cordsnet/results_4_cifar10/1_compatibility_3_100_random_init.pth", 79, None, Some("module.")),
    ("cordsnet/results_4_cifar10/1_compatibility_fused_random_init.pth", 33, None, Some("module.")),
    ("cordsnet/results_4_cifar10/2_inverse_0_random_init.pth", 59, None, Some("module.")),
    ("cordsnet/results_4_cifar10/3_linear_0_random_init.pth", 29, None, Some("module.")),
    ("cordsnet/results_4_cifar10/4_parametric_0_random_init.pth", 30, None, Some("module.")),
    ("cordsnet/results_4_cifar10/5_finetune_0_random_init.pth", 29, None, Some("module.")),
    ("cordsnet/tiny_base4_cifar100_r8_random_init.pth", 53, None, None),
    ("cordsnet/tiny_base4_cifar10_r6_random_init.pth", 41, None, None),
    ("cordsnet/tiny_base4_fashionmnist_r4_random_init.pth", 29, None, None),
    ("cordsnet/tiny_base4_mnist_r2_random_init.pth", 17, None, None),
    ("cordsnet/tiny_base8_mnist_r2_32px_trained_small.pth", 17, None, None),
    ("oba/mnist_n2_random_init.pt", 12, None, None),
    ("oba/mnist_n3_legacy_random_init.pt", 12, None, None),
    ("oba/mnist_n3_random_init.pt", 12, None, None),
    ("oba/paper_coco_model.pt", 20, None, None),
    ("oba/paper_mnist_model.pt", 12, None, None),
];

fn is_finite(checkpoint: &Checkpoint) -> bool {
    checkpoint.weights.iter().all(|(_, weight)| {
        let values = weight.tensor().to_dtype(DType::F64).unwrap().flatten_all().unwrap();
        values.to_vec1::<f64>().unwrap().iter().all(|value| value.is_finite())
    })
}

/// The values equal those that the crate `pytorch-reader` gives, under the names in the file.
fn assert_equals_other_reader(checkpoint: &Checkpoint) {
    let other = PytorchReader::new(&checkpoint.path).unwrap();
    let key = checkpoint.key.as_ref().map_or(String::new(), |key| format!("{key}."));
    let prefix = checkpoint.prefix_stripped.as_deref().unwrap_or_default();
    for (name, weight) in checkpoint.weights.iter() {
        let theirs = other.get(&format!("{key}{prefix}{name}")).unwrap();
        assert_eq!(theirs.shape(), weight.dims(), "{name}");
        let ours = safetensors::View::data(weight.tensor()).into_owned();
        assert!(theirs.read().unwrap() == ours, "{name} of {}", checkpoint.path.display());
    }
}

#[test]
fn every_reference_file_opens_with_the_right_tensors() {
    let Some(folder) = shared() else { return };
    let listed: BTreeSet<PathBuf> = FILES.iter().map(|(name, ..)| folder.join(name)).collect();
    assert_eq!(checkpoints_below(&folder), listed);
    for (name, n_tensors, key, prefix) in FILES {
        let checkpoint = checkpoint::read(folder.join(name)).unwrap();
        assert_eq!(checkpoint.weights.len(), n_tensors, "{name}");
        assert_eq!(checkpoint.order.len(), n_tensors, "{name}");
        assert_eq!(checkpoint.key.as_deref(), key, "{name}");
        assert_eq!(checkpoint.prefix_stripped.as_deref(), prefix, "{name}");
        let is_legacy =
            ["oba/paper_mnist_model.pt", "oba/paper_coco_model.pt", "oba/mnist_n3_legacy_random_init.pt"]
                .contains(&name);
        let container = if is_legacy { Container::TorchLegacy } else { Container::TorchZip };
        assert_eq!(checkpoint.container, container, "{name}");
        assert!(is_finite(&checkpoint), "{name}");
        assert_equals_other_reader(&checkpoint);
    }
}

#[test]
fn the_published_files_have_their_published_digests() {
    let Some(folder) = shared() else { return };
    let digest = |name| checkpoint::read(folder.join("oba").join(name)).unwrap().sha256;
    assert_eq!(
        digest("paper_mnist_model.pt"),
        "660e8c75fbb07f72a89ff512351e65281ba0c502562354a294bc4121a38e3701"
    );
    assert_eq!(
        digest("paper_coco_model.pt"),
        "0ac76c3e78bc30881306bb8b6b18b2e88288278231400854d75f68e4c7533963"
    );
}

#[test]
fn the_legacy_and_the_zip_file_of_one_network_are_equal() {
    let Some(folder) = shared() else { return };
    let zip = checkpoint::read(folder.join("oba/mnist_n3_random_init.pt")).unwrap();
    let legacy = checkpoint::read(folder.join("oba/mnist_n3_legacy_random_init.pt")).unwrap();
    assert_same_weights(&zip, &legacy);
}

#[test]
fn a_fixture_opens_the_same_from_the_zip_and_the_legacy_container() {
    let zip = open(&tiny_zip()).unwrap();
    let legacy = open(&legacy_of(&tiny_zip())).unwrap();
    assert_eq!((zip.container, legacy.container), (Container::TorchZip, Container::TorchLegacy));
    assert_eq!(zip.weights.len(), 17);
    assert_same_weights(&zip, &legacy);
}

fn assert_same_weights(one: &Checkpoint, other: &Checkpoint) {
    assert_eq!(one.order, other.order);
    for (name, weight) in one.weights.iter() {
        let bytes = |tensor| safetensors::View::data(tensor).into_owned();
        assert!(bytes(weight.tensor()) == bytes(other.weights.get(name).unwrap().tensor()), "{name}");
    }
}

#[test]
fn the_configuration_beside_a_fixture_is_found() {
    let checkpoint =
        checkpoint::read(Path::new(FIXTURES).join("resatt_small/model_random_init.pth")).unwrap();
    assert_eq!(checkpoint.weights.len(), 62);
    assert!(is_finite(&checkpoint));
    assert_equals_other_reader(&checkpoint);
    assert!(checkpoint.sidecar("model_params.json").unwrap().get("mid_dim").is_some());
    assert_eq!(checkpoint.order[0], "first_conv.0.weight");
    assert!(checkpoint.saved_config().is_none());
}

#[test]
fn what_stands_beside_the_weights_is_kept() {
    let Some(folder) = shared() else { return };
    let training = checkpoint::read(folder.join("blt/checkpoint_blt_blt_small_random_init.pth")).unwrap();
    assert_eq!(training.metadata["args.pool"], "max");
    assert_eq!(training.metadata["epoch"], "3");
    assert_eq!(training.left_out, ["optimizer"]);
    let module = checkpoint::read(folder.join("blt/blt_full_objects_bl_blur_small_random_init.pt")).unwrap();
    assert_eq!(module.metadata["model.pool_input.__class__"], "antialiased_cnns.blurpool.BlurPool");
    assert_eq!(module.metadata["model.times"], "7");
    assert_eq!(module.metadata["model.layer_channels.inp"], "3");
    assert_eq!(module.order[..2], ["conv_input.weight", "conv_input.bias"]);
}
