//! Golden fingerprints: the most expensive thing to change, since every saved run carries one.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use bandwise_curriculum::{Curriculum, OrderKind, Tail};
use bandwise_decode::{DecodeLimits, OPTIONAL_FORMATS};
use bandwise_job::{BadSample, Fidelity, Job, JobSpec, RecipeChoice, ReplaySpec, Unreadable, differing};
use bandwise_kernels::{Dtype, Layout};
use bandwise_recipe::{LowFrequency, OutputFormat};

const DIGEST: [u8; 32] = [0x5a; 32];
const IMAGENET: u64 = 1_281_167;

fn spec(curriculum: &str) -> JobSpec {
    JobSpec {
        curriculum: Curriculum::preset(curriculum).unwrap(),
        epochs: 200.0,
        global_batch: 4096,
        recipe: None,
        low_frequency: None,
        seed: 0,
        order: None,
        tail: None,
        on_bad_sample: BadSample::Substitute,
        on_unreadable: Unreadable::Fail,
        limits: DecodeLimits::default(),
        output: OutputFormat { dtype: Dtype::F16, layout: Layout::Nchw },
        fidelity: Fidelity::Exact,
        replay: ReplaySpec::default(),
    }
}

fn resolve(spec: &JobSpec) -> Job {
    spec.resolve(DIGEST, IMAGENET).unwrap()
}

fn fingerprint(spec: &JobSpec) -> String {
    resolve(spec).fingerprint().to_string()
}

// A saved run is resumed only under its fingerprint. If one of these changes, every run in the world must start
// anew: raise PIXEL_SEMANTICS only where bytes change, and say so in CHANGELOG.md.
#[test]
fn fingerprints_never_change() {
    if !OPTIONAL_FORMATS.is_empty() {
        return; // they are those of builds without features
    }
    for (curriculum, expected) in [
        ("efficienttrain", "b4e7a591c7b1ea7ff4b05e2a690dfd5095481dacca9e4f4f18465a3deed02968"),
        ("efficienttrain++", "080d84ff56a56de7d5ff8f4abb9694ffaa80d75309ae80680b4b9bb365344f4a"),
        ("efficienttrain++-deit", "3e4796eb8050a20e0e26cd84730e60e88cf367bad48480e6ff231ff1bdb796e8"),
        ("efficienttrain++-convnext", "bbf2f7c3f47e09725e0f4850ba583f744a7b53e50f355321057388e049414fa5"),
        ("none", "5f27e0e49cce24b3f3587a462cb8c3d4846b0f978d1f7a726a8165ff668eb808"),
    ] {
        assert_eq!(fingerprint(&spec(curriculum)), expected, "{curriculum}");
    }
}

/// A daemon that reads more than another must not take its place: where one decodes a sample, the other substitutes it.
#[test]
fn formats_of_features_enter() {
    let fields = resolve(&spec("none")).fields();
    let value =
        fields.iter().find(|field| field.name == "optional_formats").map(|field| field.value.as_str());
    let expected = OPTIONAL_FORMATS.join(" ");
    assert_eq!(value, Some(expected.as_str()).filter(|formats| !formats.is_empty()));
    let without: Vec<_> = fields.iter().filter(|field| field.name != "optional_formats").cloned().collect();
    assert_eq!(differing(&without, &fields).len(), usize::from(value.is_some()));
}

#[test]
fn the_canonical_form_is_as_documented() {
    if !OPTIONAL_FORMATS.is_empty() {
        return; // it is that of builds without features
    }
    let recipe = Some(RecipeChoice::Named("efficienttrain++".to_owned()));
    let spec = JobSpec { epochs: 1.0, global_batch: 100, recipe, ..spec("none") };
    let job = spec.resolve(DIGEST, 250).unwrap();
    let lines: Vec<String> =
        job.fields().into_iter().map(|field| format!("{}={}", field.name, field.value)).collect();
    assert_eq!(
        lines,
        [
            "pixel_semantics=3",
            "dataset.digest=5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
            "dataset.samples=250",
            "seed=0",
            "order=shuffled",
            "tail=drop",
            "on_bad_sample=substitute",
            "limits.max_pixels=100000000",
            "limits.max_encoded_bytes=268435456",
            "output.dtype=f16",
            "output.layout=nchw",
            "fidelity=exact",
            "base=224",
            "recipe.0.operation=random_resized_crop",
            "recipe.0.area=0.08 1",
            "recipe.0.ratio=0.75 1.3333333333333333",
            "recipe.0.filter=bicubic",
            "recipe.0.side=base",
            "recipe.1.operation=flip",
            "recipe.1.probability=0.5",
            "recipe.2.operation=rand_augment",
            "recipe.2.policy=rand-n2-p0.5-mstd0.5-mmax10-inc1",
            "recipe.3.operation=low_frequency",
            "recipe.3.method=lanczos",
            "recipe.4.operation=normalize",
            "recipe.4.mean=0.485 0.456 0.406",
            "recipe.4.std=0.229 0.224 0.225",
            "recipe.5.operation=random_erase",
            "recipe.5.probability=0.25",
            "recipe.5.area=0.02 0.3333333333333333",
            "recipe.5.ratio=0.3 3.3333333333333335",
            "stage.0.bandwidth=224",
            "stage.0.magnitude=9",
            "stage.0.replay_times=1",
            "stage.0.global_batch=100",
            "stage.0.first_step=0",
            "stage.0.steps=2",
            "stage.0.first_epoch=0",
            "stage.0.steps_per_epoch=2",
        ]
    );
    // `printf 'bandwise job 1\n...' | sha256sum` over the lines above.
    assert_eq!(
        job.fingerprint().to_string(),
        "947f68dc6ae05bdb355458e599f41d18e2ff41bfb4ec6da6ef6734c07251f54b"
    );
}

#[test]
fn the_version_of_fast_pixels_enters_for_fast_jobs_alone() {
    let base = spec("efficienttrain++");
    let fast = JobSpec { fidelity: Fidelity::Fast, ..base.clone() };
    let only_in_fast = differing(&resolve(&base).fields(), &resolve(&fast).fields());
    assert_eq!(only_in_fast.len(), 2, "{only_in_fast:?}");
    assert!(only_in_fast.iter().any(|field| field.contains("fast_semantics") && field.contains('2')));
    if OPTIONAL_FORMATS.is_empty() {
        assert_eq!(fingerprint(&fast), "a1f5da20bca63383615264552414a434c7928f209b566cfaed5e6a6b2e5d8534");
    }
}

#[test]
fn everything_that_decides_bytes_enters_and_nothing_else() {
    let base = spec("efficienttrain++");
    let changed = [
        JobSpec { epochs: 201.0, ..base.clone() },
        JobSpec { global_batch: 2048, ..base.clone() },
        JobSpec { recipe: Some(RecipeChoice::Named("plain".to_owned())), ..base.clone() },
        JobSpec { low_frequency: Some(LowFrequency::Fourier), ..base.clone() },
        JobSpec { seed: 1, ..base.clone() },
        JobSpec { order: Some(OrderKind::Sequential), ..base.clone() },
        JobSpec { tail: Some(Tail::Keep), ..base.clone() },
        JobSpec { on_bad_sample: BadSample::Fail, ..base.clone() },
        JobSpec { on_unreadable: Unreadable::Substitute, ..base.clone() },
        JobSpec { fidelity: Fidelity::Fast, ..base.clone() },
        JobSpec { limits: DecodeLimits { max_pixels: 1, ..DecodeLimits::default() }, ..base.clone() },
        JobSpec { output: OutputFormat { dtype: Dtype::U8, layout: Layout::Nchw }, ..base.clone() },
        JobSpec { output: OutputFormat { dtype: Dtype::F16, layout: Layout::Nhwc }, ..base.clone() },
    ];
    let mut seen: Vec<String> = changed.iter().map(fingerprint).collect();
    seen.push(fingerprint(&base));
    seen.push(base.resolve([0; 32], IMAGENET).unwrap().fingerprint().to_string());
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "two different jobs have one fingerprint");
    // What is only another way to say the same has the same fingerprint: names and defaults do not enter.
    let spelled_out = JobSpec {
        recipe: Some(RecipeChoice::Named("efficienttrain++".to_owned())),
        low_frequency: Some(LowFrequency::Lanczos),
        order: Some(OrderKind::Shuffled),
        tail: Some(Tail::Drop),
        ..base.clone()
    };
    assert_eq!(fingerprint(&spelled_out), fingerprint(&base));
    let toml: String = std::iter::once("name = 'mine'\n".to_owned())
        .chain(
            [96, 96, 160, 160, 160, 160, 224, 224, 224, 224]
                .iter()
                .enumerate()
                .map(|(m, b)| format!("[[stage]]\nshare = 0.1\nbandwidth = {b}\nmagnitude = {m}\n")),
        )
        .collect();
    let from_file =
        JobSpec { curriculum: Curriculum::from_toml("mine.toml", &toml).unwrap(), ..base.clone() };
    assert_eq!(fingerprint(&from_file), fingerprint(&base));
}

#[test]
fn views_and_mixing_enter_and_must_divide_the_steps() {
    let recipe = |more: &str| {
        let operation = |name: &str| format!("[[operation]]\nname = '{name}'\n");
        let text = format!(
            "name = 'x'\n{more}\n{}{}",
            operation("random_resized_crop\'\nside = \'bandwidth"),
            operation("normalize")
        );
        RecipeChoice::Inline(bandwise_recipe::Recipe::from_toml("x", &text).unwrap())
    };
    let with = |recipe| JobSpec { recipe: Some(recipe), global_batch: 4096, ..spec("none") };
    let (one, two) = (with(recipe("")), with(recipe("views = 2")));
    assert_ne!(fingerprint(&one), fingerprint(&two));
    assert_eq!(resolve(&two).plan().steps(), 200 * (2 * IMAGENET / 4096));
    let three = with(recipe("views = 3")).resolve(DIGEST, IMAGENET).unwrap_err().to_string();
    assert!(three.contains("views of 3") && three.contains("4096"), "{three}");
}

#[test]
fn replay_enters_where_it_is_used() {
    let with =
        |curriculum: &str, chunk, lanes| JobSpec { replay: ReplaySpec { chunk, lanes }, ..spec(curriculum) };
    let plain = fingerprint(&spec("efficienttrain++"));
    assert_eq!(fingerprint(&with("efficienttrain++", 8, 8)), plain, "nothing is replayed");
    let replayed = spec("efficienttrain++-replay");
    let fields: Vec<String> =
        resolve(&replayed).fields().iter().map(|field| format!("{}={}", field.name, field.value)).collect();
    for line in ["replay_chunk=4", "replay_lanes=1", "stage.0.replay_times=2", "stage.0.replay_buffer=1024"] {
        assert!(fields.iter().any(|field| field == line), "no {line}");
    }
    assert!(
        !fields.iter().any(|field| field.starts_with("stage.2.replay_buffer")),
        "stage 2 does not replay"
    );
    let mut seen = vec![plain, fingerprint(&replayed)];
    for (chunk, lanes) in [(8, 1), (4, 8)] {
        seen.push(fingerprint(&with("efficienttrain++-replay", chunk, lanes)));
    }
    let toml = |buffer: u32| {
        let text = format!(
            "name = 'x'\n[[stage]]\nepochs = 200\nbandwidth = 96\nmagnitude = 0\nreplay = 2\nreplay_buffer = {buffer}\n"
        );
        fingerprint(&JobSpec { curriculum: Curriculum::from_toml("x", &text).unwrap(), ..spec("none") })
    };
    seen.extend([toml(100), toml(101)]);
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "two different jobs have one fingerprint");
}

#[test]
fn differing_fields_are_named() {
    let here = resolve(&spec("none")).fields();
    let expected =
        resolve(&JobSpec { seed: 3, low_frequency: Some(LowFrequency::Fourier), ..spec("none") }).fields();
    let names = differing(&expected, &here);
    assert!(names.contains(&"seed: 3 -> 0".to_owned()), "{names:?}");
    assert!(names.iter().any(|line| line.starts_with("recipe.3.method: - -> lanczos")), "{names:?}");
    assert!(differing(&here, &here).is_empty());
}

#[test]
fn fingerprints_are_read_back() {
    let fingerprint = resolve(&spec("none")).fingerprint();
    assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    for wrong in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
        assert!(wrong.parse::<bandwise_job::Fingerprint>().is_err(), "{wrong}");
    }
}

/// A stage that begins in the middle of an epoch says where; one that does not says nothing, so that the fingerprints of
/// whole epochs stay.
#[test]
fn a_border_inside_an_epoch_is_part_of_the_job() {
    let text = "name = 'halves'\nsplit = 'steps'\n\
        [[stage]]\nepochs = 1.5\nbandwidth = 96\nmagnitude = 1\n\
        [[stage]]\nepochs = 1.5\nbandwidth = 224\nmagnitude = 9\n";
    let curriculum = Curriculum::from_toml("halves", text).unwrap();
    let job = JobSpec { curriculum, epochs: 3.0, global_batch: 100, ..spec("none") };
    let job = job.resolve(DIGEST, 400).unwrap();
    let rows: Vec<_> =
        job.fields().into_iter().filter(|field| field.name.ends_with("first_epoch_row")).collect();
    assert_eq!(
        rows.iter().map(|field| (&*field.name, &*field.value)).collect::<Vec<_>>(),
        [("stage.1.first_epoch_row", "200")]
    );
}

#[test]
fn a_file_that_starts_from_a_preset_is_the_preset() {
    for preset in ["efficienttrain", "efficienttrain++-deit"] {
        let text = format!("name = 'other'\npreset = '{preset}'\n");
        let curriculum = Curriculum::from_toml("other", &text).unwrap();
        assert_eq!(fingerprint(&JobSpec { curriculum, ..spec(preset) }), fingerprint(&spec(preset)));
    }
}
