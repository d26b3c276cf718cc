//! The command line as a person or a script uses it: results, exit codes, one clear line of error.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{Dataset, photos};
use serde_json::Value;
use tempfile::TempDir;

fn bandwise(args: &[&str]) -> Output {
    let cache = std::env::temp_dir();
    Command::new(env!("CARGO_BIN_EXE_bandwise")).args(args).env("XDG_CACHE_HOME", cache).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error must have this exit code, say all of `parts`, and be short.
fn fails(args: &[&str], code: i32, parts: &[&str]) {
    let output = bandwise(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: no '{part}' in: {stderr}");
    }
    assert!(!stderr.contains("panicked") && stderr.lines().count() < 30, "{stderr}");
}

/// Nobody reads what the command prints.
fn unread(args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bandwise"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.args(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    let plan =
        ["plan", "--curriculum", "none", "--epochs", "1", "--dataset-size", "9", "--global-batch", "3"];
    unread(&plan);
    unread(&[&plan[..], &["--json"]].concat());
    unread(&["check", path(&photos())]);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn cup() -> PathBuf {
    photos().join("thing/cup.jpg")
}

#[test]
fn every_command_has_help_with_units_and_defaults() {
    for command in ["demo", "serve", "plan", "pull", "preview", "apply", "bench", "check"] {
        let help = stdout(&bandwise(&[command, "--help"]));
        assert!(help.contains("Usage: bandwise"), "{command}: {help}");
    }
    assert!(stdout(&bandwise(&["pull", "--help"])).contains("[default: f32]"));
    assert_eq!(bandwise(&[]).status.code(), Some(2));
    fails(&["plum"], 2, &["plum"]);
}

#[test]
fn plan_prints_the_published_table() {
    let args = ["plan", "--curriculum", "efficienttrain++", "--epochs", "200", "--dataset-size", "1281167"];
    let args = [&args[..], &["--global-batch", "4096"]].concat();
    let table = stdout(&bandwise(&args));
    assert!(table.contains("108-217") && table.contains("1088"), "{table}");
    let json: Value = serde_json::from_str(&stdout(&bandwise(&[&args[..], &["--json"]].concat()))).unwrap();
    assert_eq!(json["stages"].as_array().unwrap().len(), 10);
    assert_eq!(json["stages"][2]["bandwidth"], 160);
    let clock = ["clock_start", "clock_end"].map(|name| json["stages"][2][name].as_f64());
    assert_eq!(clock, [Some(78.0), Some(117.0)]);
    assert_eq!(json["steps"], 312 * 454);
    assert_eq!(json["decode_passes"], 454.0);
}

/// `plan` for ImageNet and 200 epochs, as JSON.
fn plan_json(more: &[&str]) -> Value {
    let args = ["plan", "--epochs", "200", "--dataset-size", "1281167", "--json"];
    serde_json::from_str(&stdout(&bandwise(&[&args[..], more].concat()))).unwrap()
}

#[test]
fn plan_knows_the_models_of_the_papers() {
    let json = plan_json(&["--model", "swin-b"]);
    assert_eq!(
        (json["curriculum"].as_str(), json["stages"][0]["global_batch"].as_u64()),
        (Some("efficienttrain++"), Some(4096))
    );
    let shares = [0, 2, 6].map(|i| {
        (json["stages"][i]["batch_per_process"].as_u64(), json["stages"][i]["update_freq"].as_u64())
    });
    assert_eq!(shares, [(512, 1), (256, 2), (128, 4)].map(|(batch, freq)| (Some(batch), Some(freq))));
    assert_eq!(
        (json["model"]["drop_path"].as_f64(), json["model"]["peak_lr"].as_f64()),
        (Some(0.5), Some(4e-3))
    );
    let replay = plan_json(&["--model", "resnet-50", "--curriculum", "efficienttrain++-resnet-replay"]);
    assert_eq!(
        (replay["decode_passes"].as_f64(), replay["training_passes"].as_f64()),
        (Some(213.0), Some(453.0))
    );
    assert_eq!(replay["stages"][0]["fresh_batch_per_process"], 128);
    let text =
        stdout(&bandwise(&["plan", "--model", "deit-s", "--epochs", "100", "--dataset-size", "100000"]));
    for part in [
        "model deit-s",
        "drop path 0.050",
        "stages 6-9: batch 256 a process, update_freq 2",
        "efficienttrain++-deit-replay",
    ] {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
    let args = ["plan", "--epochs", "9", "--dataset-size", "10000"];
    fails(&[&args[..], &["--model", "swin-x"]].concat(), 2, &["swin-x", "cswin-b"]);
    fails(
        &[&args[..], &["--model", "swin-t", "--global-batch", "100"]].concat(),
        2,
        &["stage 0", "100", "8 processes"],
    );
    fails(&args, 2, &["--curriculum", "--global-batch"]);
}

#[test]
fn plan_warns_of_short_trainings_and_not_of_validations() {
    let stderr = |more: &[&str]| {
        let args = ["plan", "--epochs", "3", "--dataset-size", "10000", "--global-batch", "100"];
        let output = bandwise(&[&args[..], more].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = stderr(&["--curriculum", "efficienttrain"]);
    for part in ["warning: ", "no steps", "20 of the 3 epochs", "never reaches its peak"] {
        assert!(said.contains(part), "no '{part}' in: {said}");
    }
    assert_eq!(stderr(&["--curriculum", "none", "--recipe", "eval"]), "");
}

#[test]
fn plan_says_what_the_trainers_ask_for_and_what_it_takes() {
    let json = plan_json(&["--model", "swin-t", "--images-per-gpu-second", "1000", "--gpus", "8"]);
    let first = &json["sizing"]["stages"][0];
    assert_eq!(first["decoded_images_per_s"].as_f64().map(f64::round), Some(43_556.0));
    assert!(first["cores"].is_null());
    // 454 passes in the time of 199.96 at 224.
    let mean = json["sizing"]["mean_decoded_images_per_s"].as_f64().unwrap();
    assert!((mean / 8000.0 - 454.0 / 199.96).abs() < 1e-4, "{mean}");
    let photos = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/photos");
    let args =
        ["--images-per-gpu-second", "1000", "--measure", photos, "--seconds", "0.01", "--model", "swin-t"];
    for stage in plan_json(&args)["sizing"]["stages"].as_array().unwrap() {
        let [rate, per_core, cores] =
            ["decoded_images_per_s", "images_per_core_s", "cores"].map(|name| stage[name].as_f64().unwrap());
        assert!(per_core > 0.0 && (cores - rate / per_core).abs() < 1e-9 * cores, "{stage}");
    }
    let args = ["plan", "--model", "swin-t", "--epochs", "9", "--dataset-size", "10000"];
    fails(&[&args[..], &["--measure", photos]].concat(), 2, &["--images-per-gpu-second"]);
    fails(&[&args[..], &["--images-per-gpu-second", "nan"]].concat(), 2, &["NaN"]);
}

#[test]
fn plan_draws_the_curriculum() {
    let folder = TempDir::new().unwrap();
    let picture = folder.path().join("curriculum.png");
    plan_json(&["--model", "swin-t", "--plot", path(&picture)]);
    let image = image::open(&picture).unwrap().to_rgb8();
    let colours: std::collections::HashSet<_> = image.pixels().map(|pixel| pixel.0).collect();
    assert!(image.width() >= 1000 && image.height() >= 600 && colours.len() > 100);
    // One line over the whole width.
    plan_json(&["--curriculum", "none", "--global-batch", "4096", "--plot", path(&picture)]);
    let args = ["plan", "--model", "swin-t", "--epochs", "9", "--dataset-size", "10000", "--plot"];
    fails(&[&args[..], &["/nonexistent/out.png"]].concat(), 1, &["/nonexistent/out.png"]);
}

#[test]
fn plan_shows_the_recipe_with_every_parameter() {
    let args = ["plan", "--epochs", "10", "--dataset-size", "1000", "--global-batch", "10", "--curriculum"];
    let plan = |more: &[&str]| stdout(&bandwise(&[&args[..], more].concat()));
    let text = plan(&["efficienttrain"]);
    for part in
        ["1. random_resized_crop", "area = 0.08 1", "rand-n2-p0.5-mstd0.5-mmax10-inc1", "6. low_frequency"]
    {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("r.toml");
    let operations = ["random_resized_crop", "flip", "low_frequency'\nmethod = 'lanczos", "normalize"]
        .map(|name| format!("[[operation]]\nname = '{name}'\n"));
    fs::write(&file, format!("name = 'mine'\nviews = 2\n{}", operations.concat())).unwrap();
    let json: Value =
        serde_json::from_str(&plan(&["efficienttrain++", "--recipe", path(&file), "--json"])).unwrap();
    assert_eq!(
        (json["recipe"]["views"].as_u64(), json["recipe"]["operations"][2]["name"].as_str()),
        (Some(2), Some("low_frequency"))
    );
    let wrong =
        [&args[..], &["efficienttrain++", "--recipe", path(&file), "--low-frequency", "fourier"]].concat();
    fails(&wrong, 2, &["--low-frequency"]);
    fs::write(&file, "name = 'x'\n[[operation]]\nname = 'flip'\n").unwrap();
    fails(&[&args[..], &["efficienttrain++", "--recipe", path(&file)]].concat(), 2, &["flip", "8-bit"]);
}

#[test]
fn wrong_plans_are_usage_errors() {
    let plan = |curriculum: &str, epochs: &str, size: &str, batch: &str, parts: &[&str]| {
        fails(
            &[
                "plan",
                "--curriculum",
                curriculum,
                "--epochs",
                epochs,
                "--dataset-size",
                size,
                "--global-batch",
                batch,
            ],
            2,
            parts,
        );
    };
    plan("efficienttrian", "200", "1000", "10", &["efficienttrian", "efficienttrain++"]);
    plan("none", "nan", "1000", "10", &["NaN"]);
    plan("none", "0", "1000", "10", &["0"]);
    plan("none", "1", "1000", "1001", &["1001", "1000"]);
    plan("none", "1", "x", "10", &["x"]);
    plan("/nonexistent.toml", "1", "1000", "10", &["/nonexistent.toml"]);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(&file, "name = 'x'\n[[stage]]\nshare = 0.4\nbandwidth = 97\nmagnitude = 11\n").unwrap();
    plan(path(&file), "1", "1000", "10", &["bad.toml", "97", "11", "0.4"]);
}

#[test]
fn apply_does_what_it_is_told_in_order() {
    let folder = TempDir::new().unwrap();
    let png = folder.path().join("out.png");
    let npy = folder.path().join("out.npy");
    stdout(&bandwise(&["apply", path(&cup()), path(&png)]));
    let whole = image::open(&png).unwrap().to_rgb8();
    stdout(&bandwise(&["apply", path(&cup()), path(&png), "--crop", "10,20,100,80", "--flip"]));
    let cropped = image::open(&png).unwrap().to_rgb8();
    assert_eq!(cropped.dimensions(), (100, 80));
    assert_eq!(cropped.get_pixel(0, 0), whole.get_pixel(109, 20));
    stdout(&bandwise(&["apply", path(&cup()), path(&png), "--flip", "--crop", "10,20,100,80"]));
    let flipped_first = image::open(&png).unwrap().to_rgb8();
    assert_eq!(flipped_first.get_pixel(0, 0), whole.get_pixel(whole.width() - 11, 20));
    let cup = cup();
    let base = ["apply", path(&cup), path(&npy), "--resize", "bicubic:224x224"];
    for (more, descr, shape, bytes) in [
        (&["--lanczos", "96"][..], "|u1", "(96, 96, 3)", 96 * 96 * 3),
        (&["--normalize"], "<f4", "(3, 224, 224)", 224 * 224 * 12),
        (&["--normalize", "--fourier", "96"], "<f4", "(3, 96, 96)", 96 * 96 * 12),
        (&["--fourier", "160"], "<f4", "(3, 160, 160)", 160 * 160 * 12),
        (&["--low-pass", "20"], "|u1", "(224, 224, 3)", 224 * 224 * 3),
    ] {
        stdout(&bandwise(&[&base[..], more].concat()));
        let file = fs::read(&npy).unwrap();
        let header = String::from_utf8_lossy(&file[10..128]).into_owned();
        assert!(header.contains(descr) && header.contains(shape), "{more:?}: {header}");
        assert_eq!(file.len(), 128 + bytes, "{more:?}");
    }
    stdout(&bandwise(&[
        "apply",
        path(&cup),
        path(&png),
        "--op",
        "Invert",
        "--op",
        "Posterize=1",
        "--op",
        "Invert",
    ]));
    let expected: Vec<u8> = whole.as_raw().iter().map(|&v| 255 - ((255 - v) & 0x80)).collect();
    assert_eq!(image::open(&png).unwrap().to_rgb8().as_raw(), &expected);
    for op in [
        "AutoContrast",
        "Equalize",
        "Rotate=15",
        "Solarize=128",
        "SolarizeAdd=55",
        "Color=1.45",
        "Contrast=0.55",
        "Brightness=1.45",
        "Sharpness=0.1",
        "ShearX=0.3",
        "ShearY=-0.3",
        "TranslateXRel=0.25",
        "TranslateYRel=-0.25",
    ] {
        stdout(&bandwise(&["apply", path(&cup), path(&png), "--op", op]));
        assert_ne!(image::open(&png).unwrap().to_rgb8(), whole, "{op}");
    }
    stdout(&bandwise(&["apply", path(&cup), path(&png), "--crop", "0,0,200,200", "--fourier", "100"]));
    assert_eq!(image::open(&png).unwrap().to_rgb8().dimensions(), (100, 100));
}

#[test]
fn apply_refuses_in_one_line() {
    let folder = TempDir::new().unwrap();
    let png = folder.path().join("out.png");
    let (cup, png) = (cup(), path(&png).to_owned());
    let apply = |more: &[&str], parts: &[&str]| {
        fails(&[&["apply", path(&cup), &png], more].concat(), 2, parts);
    };
    apply(&["--crop", "1,2,3"], &["--crop 1,2,3", "x,y,w,h"]);
    apply(&["--crop", "0,0,5000,10"], &["0,0,5000,10", "outside"]);
    apply(&["--resize", "cubic:1x1"], &["cubic", "bicubic"]);
    apply(&["--resize", "bicubic:0x10"], &["from 1"]);
    apply(&["--lanczos", "5000"], &["5000", "larger"]);
    apply(&["--lanczos", "abc"], &["abc"]);
    apply(&["--fourier", "96"], &["square"]);
    apply(&["--low-pass", "-1"], &["-1"]);
    apply(&["--normalize"], &[".npy"]);
    apply(&["--normalize", "--flip"], &["8-bit"]);
    apply(&["--rotate", "3"], &["--rotate"]);
    apply(&["--op", "Rotate=abc"], &["--op Rotate=abc", "must be a number"]);
    apply(&["--op", "Rotation=3"], &["Rotation", "the operations are AutoContrast"]);
    apply(&["--op", "Posterize=9"], &["0 to 8"]);
    apply(&["--op", "Invert=1"], &["no argument"]);
    apply(&["--normalize", "--op", "Invert"], &["8-bit"]);
    fails(&["apply", path(&cup), "/nonexistent/out.png"], 2, &["/nonexistent"]);
    fails(&["apply", path(&cup), "out.bmp"], 2, &[".png or .npy"]);
    fails(&["apply", "/nonexistent.jpg", &png], 1, &["/nonexistent.jpg"]);
    let text = folder.path().join("text.jpg");
    fs::write(&text, "no image").unwrap();
    fails(&["apply", path(&text), &png], 1, &["text.jpg"]);
}

#[test]
fn check_reports_what_is_wrong() {
    let dataset = Dataset::new();
    dataset.photo("a/good.jpg", "nature/cat.jpg");
    dataset.file("a/bad.jpg", b"");
    dataset.photo("b/good.jpg", "thing/cup.jpg");
    let output = bandwise(&["check", path(dataset.path())]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("3 in 2 classes") && report.contains("a/bad.jpg"), "{report}");
    fs::remove_file(dataset.path().join("a/bad.jpg")).unwrap();
    let json: Value =
        serde_json::from_str(&stdout(&bandwise(&["check", "--json", path(dataset.path())]))).unwrap();
    assert_eq!((json["samples"].as_u64(), json["content"]["decoded"].as_u64()), (Some(2), Some(2)));
    assert_eq!(json["content"]["formats"]["jpeg"], 2);
    let (pixels, bytes) = (&json["content"]["pixels"], &json["content"]["encoded_bytes"]);
    assert!(pixels["min"].as_u64() > Some(50_000) && bytes["max"].as_u64() > Some(20_000), "{json}");
    fails(&["check", "/nonexistent"], 1, &["/nonexistent"]);
    let empty = TempDir::new().unwrap();
    fails(&["check", path(empty.path())], 1, &[path(empty.path())]);
    fs::create_dir(empty.path().join("hollow")).unwrap();
    fails(&["check", path(empty.path())], 1, &["hollow"]);
}

/// The first file of the decoder's golden ones: grey, in boxes.
fn jpeg_2000() -> Vec<u8> {
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/../decode/tests/golden/variants/jpeg2000");
    let table = fs::read_to_string(format!("{pack}.tsv")).unwrap();
    let len = table.split('\t').nth(1).unwrap().parse().unwrap();
    fs::read(format!("{pack}.pack")).unwrap()[..len].to_vec()
}

#[test]
fn check_names_the_feature_that_a_file_needs() {
    let dataset = Dataset::new();
    dataset.photo("a/good.jpg", "nature/cat.jpg");
    dataset.file("a/other.jpg", &jpeg_2000());
    dataset.file("a/third.jp2", &jpeg_2000());
    let output = bandwise(&["check", path(dataset.path())]);
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    if cfg!(feature = "jpeg2000") {
        assert!(report.contains("2 jpeg2000") && report.contains("pnm, jpeg2000"), "{report}");
    } else {
        assert!(report.contains("2 in 1 classes") && report.contains("--features jpeg2000"), "{report}");
        assert!(report.contains("gif, pnm\n"), "{report}");
    }
}

#[test]
fn bench_says_what_an_image_costs() {
    let photos = photos();
    let args = ["bench", "--dataset", path(&photos), "--seconds", "0.05", "--batch-size", "4"];
    let table = stdout(&bandwise(&args));
    assert!(
        table.contains("B 96, m 1")
            && table.contains("B 224, m 9")
            && table.contains("upsample + colour")
            && table.contains("JPEGs: own decoder"),
        "{table}"
    );
    let fourier = [&args[..], &["--low-frequency", "fourier", "--fidelity", "fast", "--json"]].concat();
    let report: Value = serde_json::from_str(&stdout(&bandwise(&fourier))).unwrap();
    let stages = report["stages"].as_array().unwrap();
    let us = |stage: &Value, name: &str| stage[name].as_f64().unwrap();
    assert_eq!(stages.len(), 3);
    for stage in stages {
        let parts = ["read", "header", "decode", "resize", "flip", "augment"].into_iter().chain([
            "low_frequency",
            "normalize",
            "erase",
        ]);
        let sum: f64 = parts.map(|part| us(stage, &format!("{part}_us"))).sum();
        assert!((sum - us(stage, "worker_us")).abs() < 0.01 * sum, "{stage}");
        let decoding = ["skip", "entropy", "transform", "pixels"];
        let decoding: f64 = decoding.map(|part| us(stage, &format!("decode_{part}_us"))).iter().sum();
        // All of the photographs are for our own decoder.
        assert!((decoding - us(stage, "decode_us")).abs() < 0.01 * decoding, "{stage}");
        assert!(us(stage, "images_per_s") > 0.0 && us(stage, "path_cpu_us") > 0.0, "{stage}");
    }
    assert!(us(&stages[0], "low_frequency_us") > 0.0, "{report}");
    fails(&["bench", "--dataset", path(&photos), "--seconds", "0"], 2, &["--seconds 0"]);
    fails(&["bench", "--dataset", path(&photos), "--curriculum", "nonsense"], 2, &["nonsense"]);
    fails(&["bench", "--dataset", "/nonexistent", "--seconds", "1"], 2, &["/nonexistent"]);
}

#[test]
fn preview_and_demo_draw_sheets() {
    let folder = TempDir::new().unwrap();
    let sheet = folder.path().join("sheets/s.png");
    let preview =
        ["preview", "--dataset", path(&photos()), "--out", path(&sheet), "--samples", "3"].map(str::to_owned);
    let preview: Vec<&str> = preview.iter().map(String::as_str).collect();
    for more in [
        &["--curriculum", "efficienttrain++"][..],
        &["--curriculum", "efficienttrain", "--seed", "4"],
        &["--curriculum", "none", "--recipe", "eval"],
        &["--curriculum", "efficienttrain++", "--recipe", "mae", "--low-frequency", "fourier"],
        &["--curriculum", "efficienttrain++", "--compare"],
    ] {
        stdout(&bandwise(&[&preview[..], more].concat()));
        assert!(image::open(&sheet).unwrap().width() > 300, "{more:?}");
    }
    fails(
        &[&preview[..], &["--curriculum", "efficienttrain", "--low-frequency", "lanczos"]].concat(),
        2,
        &["efficienttrain", "fourier"],
    );
    let demo = stdout(&bandwise(&["demo", "--out", path(&sheet)]));
    assert!(demo.contains("stage") && demo.contains("images/s"), "{demo}");
    assert_eq!(demo.lines().filter(|line| line.contains(" MB ")).count(), 10, "{demo}");
}

/// A daemon that is killed with the value.
struct Serve(Child);

impl Serve {
    fn start(socket: &Path, more: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_bandwise"))
            .args(["serve", "--dataset", &format!("photos={}", photos().display())])
            .args(["--listen", &format!("unix:{}", socket.display())])
            .args(more)
            .env("XDG_CACHE_HOME", socket.parent().unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(socket);
        Self(child)
    }
}

fn wait_for(socket: &Path) {
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(socket).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the daemon does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pull_prints_digests_that_do_not_depend_on_the_split() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("p.sock");
    let _daemon = Serve::start(&socket, &["--threads", "2"]);
    let connect = format!("unix:{}", socket.display());
    let pull = |more: &[&str]| {
        let args = [
            "pull",
            "--connect",
            &connect,
            "--dataset",
            "photos",
            "--curriculum",
            "efficienttrain++",
            "--epochs",
            "10",
            "--json",
        ];
        bandwise(&[&args[..], more].concat())
    };
    let lines = |output: &Output| -> Vec<Value> {
        stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let steps = lines(&pull(&["--batch-size", "12", "--steps", "4", "--digest"]));
    assert_eq!(steps.len(), 5);
    let accumulated =
        lines(&pull(&["--batch-size", "3", "--accumulate", "4", "--steps", "4", "--digest=batch"]));
    assert_eq!(steps[..4], accumulated[..4]);
    let summary = &steps[4];
    assert_eq!(summary["transport"], "shm", "the daemon is on this host");
    let over_grpc = lines(&pull(&["--batch-size", "12", "--steps", "4", "--digest", "--transport", "grpc"]));
    assert_eq!((&steps[..4], &over_grpc[4]["transport"]), (&over_grpc[..4], &Value::from("grpc")));
    for key in ["images_per_s", "bytes_per_s", "batches", "wait_ms_p50", "wait_ms_p99", "fingerprint"] {
        assert!(!summary[key].is_null(), "no {key} in {summary}");
    }
    let rows = lines(&pull(&[
        "--batch-size",
        "6",
        "--world-size",
        "2",
        "--rank",
        "1",
        "--steps",
        "1",
        "--digest=rows",
    ]));
    assert_eq!(
        rows[..6].iter().map(|row| row["row"].as_u64().unwrap()).collect::<Vec<_>>(),
        (6..12).collect::<Vec<_>>()
    );
    // Making a batch takes its time, and the first one is waited for.
    assert!(summary["wait_ms_p99"].as_f64() > Some(0.5), "{summary}");
    let fingerprint = summary["fingerprint"].as_str().unwrap();
    stdout(&pull(&["--batch-size", "12", "--steps", "1", "--expect-fingerprint", fingerprint]));
    let failed = |more: &[&str], code: i32, part: &str| {
        let output = pull(more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(part), "no '{part}' in: {stderr}");
    };
    failed(&["--batch-size", "12", "--expect-fingerprint", &"0".repeat(64)], 1, fingerprint);
    failed(&["--batch-size", "13"], 1, "13");
    failed(&["--batch-size", "0"], 2, "at least 1");
    failed(&["--batch-size", "4", "--world-size", "3", "--rank", "3"], 2, "rank 3");
    failed(&["--batch-size", "4", "--from-step", "9999"], 2, "9999");
}

#[test]
fn pull_replays_on_either_side() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("p.sock");
    let curriculum = folder.path().join("replayed.toml");
    let stage = "[[stage]]\nepochs = 12\nbandwidth = 16\nmagnitude = 0\nreplay = 2\nreplay_buffer = 3\n";
    fs::write(&curriculum, format!("name = 'replayed'\nbase = 32\n{stage}")).unwrap();
    let _daemon = Serve::start(&socket, &["--threads", "2", "--replay-memory-mib", "16"]);
    let connect = format!("unix:{}", socket.display());
    let pull = |more: &[&str]| {
        let args = ["pull", "--connect", &connect, "--dataset", "photos", "--curriculum", path(&curriculum)];
        let rank = ["--epochs", "12", "--batch-size", "4", "--world-size", "2", "--rank", "1", "--json"];
        bandwise(&[&args[..], &rank, &["--replay-chunk", "2", "--digest=rows"], more].concat())
    };
    let rows = |output: &Output| -> Vec<String> {
        let lines = stdout(output);
        lines.lines().filter(|line| line.contains("sample_id")).map(str::to_owned).collect()
    };
    let server = rows(&pull(&["--replay-lanes", "2"]));
    assert_eq!(server.len(), 18 * 4, "6 passes of 3 steps of 4 fresh rows");
    assert_eq!(rows(&pull(&["--replay", "client", "--replay-memory-mib", "1"])), server);
    assert_eq!(rows(&pull(&["--replay", "client", "--from-step", "7"])), server[7 * 4..]);
    for (more, code, part) in [
        (["--replay", "client", "--replay-lanes", "1"], 2, "replay_lanes is 1"),
        (["--replay", "client", "--replay-memory-mib", "0"], 2, "0 are allowed"),
        (["--replay", "client", "--replay-lanes", "8"], 1, "replay_lanes 8"),
        (["--replay", "client", "--replay-lanes", "0"], 2, "--replay-lanes"),
    ] {
        let output = pull(&more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(part), "no '{part}' in: {stderr}");
    }
}

#[test]
fn pull_takes_from_several_daemons_and_goes_on_where_it_was() {
    let folder = TempDir::new().unwrap();
    let sockets = ["one.sock", "two.sock"].map(|name| folder.path().join(name));
    let _daemons = sockets.each_ref().map(|socket| Serve::start(socket, &["--threads", "1"]));
    let [one, two] = sockets.each_ref().map(|socket| format!("unix:{}", socket.display()));
    let nobody = format!("unix:{}", folder.path().join("nobody.sock").display());
    let pull = |connect: &str, more: &[&str]| {
        let job = ["--dataset", "photos", "--curriculum", "efficienttrain++", "--epochs", "10"];
        let args = ["pull", "--connect", connect, "--batch-size", "12", "--json", "--digest"];
        bandwise(&[&args[..], &job, more].concat())
    };
    let lines = |output: &Output| -> Vec<Value> {
        stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let expected = lines(&pull(&one, &["--steps", "6"]));
    let state = folder.path().join("state.json");
    let both =
        lines(&pull(&format!("{nobody},{one},{two}"), &["--steps", "4", "--save-state", path(&state)]));
    assert_eq!(both[..4], expected[..4]);
    let daemons = both[4]["daemons"].as_array().unwrap();
    let batches: Vec<u64> = daemons.iter().map(|daemon| daemon["batches"].as_u64().unwrap()).collect();
    assert_eq!((daemons.len(), batches[0], batches.iter().sum::<u64>()), (3, 0, 4), "{daemons:?}");
    assert_eq!(daemons[1]["address"], Value::from(one.as_str()));
    assert!(both[4]["longest_wait_ms"].as_f64() >= both[4]["wait_ms_p50"].as_f64(), "{}", both[4]);
    let resumed = lines(&pull(&two, &["--steps", "2", "--resume", path(&state)]));
    assert_eq!(resumed[..2], expected[4..6]);
    let table = stdout(&bandwise(&[
        "pull",
        "--connect",
        &format!("{one},{two}"),
        "--dataset",
        "photos",
        "--curriculum",
        "none",
        "--epochs",
        "1",
        "--batch-size",
        "4",
    ]));
    assert!(table.contains("daemon") && table.contains(&two) && table.contains("longest"), "{table}");
    let failed = |connect: &str, more: &[&str], code: i32, parts: &[&str]| {
        let output = pull(connect, more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "no '{part}' in: {stderr}");
        }
    };
    failed(&two, &["--resume", path(&state), "--seed", "5"], 1, &["seed: 0 -> 5"]);
    failed(&two, &["--expect-fingerprint", &"0".repeat(64)], 1, &["--save-state", "--resume"]);
    failed(&two, &["--resume", path(&photos().join("thing/cup.jpg"))], 2, &["cup.jpg"]);
    failed(&two, &["--max-bad-fraction", "2"], 2, &["from 0 to 1"]);
    failed(&nobody, &[], 1, &["nobody.sock"]);
    failed("", &[], 2, &["address"]);
}

#[test]
fn pull_stops_over_the_ceiling_of_bad_samples_with_their_names() {
    let dataset = common::fleet::pictures(54);
    for i in 0..6 {
        dataset.file(&format!("b/bad{i}.png"), b"no image");
    }
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("b.sock");
    let bad = format!("bad={}", dataset.path().display());
    let _daemon = Serve::start(&socket, &["--dataset", &bad]);
    let connect = format!("unix:{}", socket.display());
    let args = ["pull", "--connect", &connect, "--dataset", "bad", "--curriculum", "none", "--epochs", "3"];
    let args = [&args[..], &["--batch-size", "20", "--recipe", "plain"]].concat();
    // Two epochs have 12 of the 10 bad rows that are allowed of the first 1000.
    let names: Vec<String> = (0..6).map(|i| format!("b/bad{i}.png (unknown_format)")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["1 % are allowed"]).collect();
    fails(&args, 1, &names);
    stdout(&bandwise(&[&args[..], &["--max-bad-fraction", "0.2"]].concat()));
    fails(&[&args[..], &["--max-bad-fraction", "0"]].concat(), 1, &["hold a substitute", "0 % are allowed"]);
}

/// A daemon that belongs to the write end of a pipe, with a folder that it removes.
fn serve_with_stdin(folder: &Path, dataset: &Path) -> Serve {
    let private = folder.join("around/private");
    fs::create_dir_all(&private).unwrap();
    fs::write(private.join("log"), "").unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["serve", "--exit-with-stdin", "--dataset", &format!("photos={}", dataset.display())])
        .args(["--listen", &format!("unix:{}", private.join("p.sock").display())])
        .args(["--remove-at-end", path(&private)])
        .env("XDG_CACHE_HOME", folder)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    Serve(child.unwrap())
}

#[test]
fn serve_ends_with_its_standard_input_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut daemon = serve_with_stdin(folder.path(), &photos());
    wait_for(&folder.path().join("around/private/p.sock"));
    let mut pipe = daemon.0.stdin.take().unwrap();
    pipe.write_all(b"what it holds is ignored").unwrap();
    assert!(daemon.0.try_wait().unwrap().is_none(), "the pipe is open");
    drop(pipe);
    assert!(daemon.0.wait().unwrap().success());
    assert!(!folder.path().join("around").exists());
}

#[test]
fn serve_leaves_nothing_where_it_cannot_start() {
    let folder = TempDir::new().unwrap();
    let nothing = folder.path().join("empty");
    fs::create_dir(&nothing).unwrap();
    let mut daemon = serve_with_stdin(folder.path(), &nothing);
    // To wait would close it.
    let _open = daemon.0.stdin.take();
    assert_eq!(daemon.0.wait().unwrap().code(), Some(1));
    assert!(!folder.path().join("around").exists() && nothing.exists());
}

#[test]
fn serve_removes_no_folder_that_holds_something_else() {
    let folder = TempDir::new().unwrap();
    let mut daemon = serve_with_stdin(folder.path(), &photos());
    let kept = folder.path().join("around/private/folder/file");
    fs::create_dir(kept.parent().unwrap()).unwrap();
    fs::write(&kept, "").unwrap();
    drop(daemon.0.stdin.take());
    assert!(daemon.0.wait().unwrap().success());
    assert!(kept.exists() && !folder.path().join("around/private/log").exists());
}

#[test]
fn serve_refuses_bad_configurations_before_it_listens() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("b.toml");
    fs::write(
        &file,
        "listen = ['0.0.0.0:1']\nprefetch_mib = 0\n[[dataset]]\nname = ''\npath = '/nonexistent'\n",
    )
    .unwrap();
    fails(
        &["serve", "--config", path(&file)],
        2,
        &["4 mistakes", "0.0.0.0:1", "prefetch_mib", "/nonexistent"],
    );
    fs::write(&file, "wrongkey = 1\n").unwrap();
    fails(&["serve", "--config", path(&file)], 2, &["wrongkey", "b.toml"]);
    fails(&["serve", "--config", "/nonexistent.toml"], 2, &["/nonexistent.toml"]);
    fails(&["serve", "--dataset", "photos"], 2, &["NAME=PATH"]);
    fails(&["serve"], 2, &["--dataset NAME=PATH"]);
    fails(&["serve", "--source", "natural"], 2, &["synthetic"]);
    let twice = format!("synthetic={}", photos().display());
    fails(&["serve", "--source", "synthetic", "--dataset", &twice], 2, &["'synthetic' is listed twice"]);
    let taken = folder.path().join("file");
    fs::write(&taken, "").unwrap();
    let dataset = format!("photos={}", photos().display());
    let listen = format!("unix:{}", taken.display());
    fails(&["serve", "--dataset", &dataset, "--listen", &listen], 1, &["not a socket"]);
    let socket = folder.path().join("s.sock");
    let _daemon = Serve::start(&socket, &[]);
    let listen = format!("unix:{}", socket.display());
    fails(&["serve", "--dataset", &dataset, "--listen", &listen], 1, &["another daemon"]);
}

#[test]
fn a_socket_left_by_a_dead_daemon_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("s.sock");
    drop(Serve::start(&socket, &[]));
    assert!(socket.exists(), "a killed daemon leaves its socket");
    drop(Serve::start(&socket, &[]));
}

#[test]
fn the_commented_default_configuration_is_one() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/bandwise.toml")).unwrap();
    toml::from_str::<bandwise_server::config::Config>(&text).unwrap();
    // Settings that are commented out stand without a space behind the `#`.
    let is_setting = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['))
    };
    let all: String = text
        .lines()
        .map(|line| if is_setting(line) { &line[1..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(all, text);
    toml::from_str::<bandwise_server::config::Config>(&all).unwrap();
}

#[test]
fn the_admin_server_answers() {
    use std::io::{Read as _, Write as _};
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("a.sock");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let admin = format!("127.0.0.1:{port}");
    let _daemon = Serve::start(&socket, &["--admin", &admin]);
    let get = |path: &str| {
        let mut stream = std::net::TcpStream::connect(&admin).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    };
    let connect = format!("unix:{}", socket.display());
    stdout(&bandwise(&[
        "pull",
        "--connect",
        &connect,
        "--dataset",
        "photos",
        "--curriculum",
        "none",
        "--epochs",
        "2",
        "--batch-size",
        "12",
    ]));
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").contains("ready"));
    // A batch is counted when it was handed over, which may be after it was pulled.
    let counted = |metrics: &str| {
        metrics.contains("bandwise_rows_total 24") && metrics.contains("bandwise_batches_total 2")
    };
    let begun = Instant::now();
    while !counted(&get("/metrics")) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", get("/metrics"));
    }
    assert!(get("/metrics").contains("bandwise_shared_memory_budget_bytes 2147483648"));
    assert!(get("/api/status").contains("\"rows\":24"));
    assert!(get("/nothing").starts_with("HTTP/1.1 404"));
}
