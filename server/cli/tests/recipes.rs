//! Recipes over the wire: files, views, mixed rows.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]
#![allow(clippy::unnecessary_wraps, reason = "recipes are optional fields of a job")]

mod common;

use bandwise_client::{Batch, ClientError, Connection, Run, RunOptions, proto};
use bandwise_kernels::{Dtype, Layout};
use bandwise_recipe::{DrawKey, DrawnMix, Draws, Mix, OutputFormat, mix_pair};
use common::{Server, get_batch, job, photos, raw_client};
use tonic::Code;

/// A recipe of a crop straight to B and a normalisation, with `more` behind it.
fn recipe(head: &str, more: &str) -> Option<proto::job::Recipe> {
    let text = format!(
        "name = 'test'\n{head}\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
         [[operation]]\nname = 'normalize'\n{more}"
    );
    Some(proto::job::Recipe::RecipeToml(text))
}

fn mixed(group: u64) -> Option<proto::job::Recipe> {
    recipe("", &format!("[[operation]]\nname = 'mix'\ngroup = {group}\n"))
}

async fn batches(connection: &Connection, job: proto::Job, steps: u64) -> Vec<Batch> {
    let mut run = Run::start(connection, job, &RunOptions { steps: Some(steps), ..RunOptions::default() })
        .await
        .unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = run.next().await.unwrap() {
        batches.push(batch);
    }
    batches
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_mixed_within_their_groups() {
    let server = Server::with(&photos(), |config| config.threads = 3).await;
    let connection = server.connect().await;
    for (dtype, wire) in
        [(Dtype::F32, proto::Dtype::F32), (Dtype::U8, proto::Dtype::U8), (Dtype::F16, proto::Dtype::F16)]
    {
        let job = proto::Job { dtype: wire.into(), ..job(12) };
        let plain = batches(&connection, proto::Job { recipe: recipe("", ""), ..job.clone() }, 6).await;
        let mixed = batches(&connection, proto::Job { recipe: mixed(4), ..job }, 6).await;
        let format = OutputFormat { dtype, layout: Layout::Nchw };
        let mut kinds = [0; 2];
        for (plain, mixed) in plain.iter().zip(&mixed) {
            assert!(plain.partners().is_none());
            let partners: Vec<(i64, f32)> = mixed.partners().expect("mixed rows").collect();
            let labels: Vec<i64> = plain.labels().collect();
            assert_eq!(labels, mixed.labels().collect::<Vec<_>>());
            for group in 0..3 {
                let key = DrawKey::Group { seed: 7, step: plain.step(), group };
                let side = plain.header().bandwidth;
                let drawn = Mix::efficienttrain(4).draw(side, &mut Draws::new(key));
                kinds[usize::from(matches!(drawn, DrawnMix::CutMix { .. }))] += 1;
                for (i, j) in [(0, 3), (1, 2)].map(|(i, j)| (4 * group as usize + i, 4 * group as usize + j))
                {
                    let (mut a, mut b) = (plain.image(i).to_vec(), plain.image(j).to_vec());
                    mix_pair(&drawn, format, side as usize, &mut a, &mut b);
                    assert_eq!(
                        (mixed.image(i), mixed.image(j)),
                        (&a[..], &b[..]),
                        "{dtype} step {}",
                        plain.step()
                    );
                    let lam = drawn.lam() as f32;
                    assert_eq!((partners[i], partners[j]), ((labels[j], lam), (labels[i], lam)));
                }
            }
        }
        assert!(kinds.iter().all(|&count| count > 0), "Mixup and CutMix were both met: {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_not_cut() {
    let server = Server::start(&photos()).await;
    let mut client = raw_client(&server).await;
    let request = |first_row, rows| proto::GetBatchRequest {
        job: Some(proto::Job { recipe: mixed(4), ..job(12) }),
        first_row,
        rows,
        ..proto::GetBatchRequest::default()
    };
    let whole = get_batch(&mut client, request(0, 12)).await.unwrap();
    let part = get_batch(&mut client, request(4, 8)).await.unwrap();
    let names: Vec<&str> = whole.0.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["images", "labels", "labels_b", "lam"]);
    let image = whole.0.tensors[0].byte_length as usize / 12;
    assert_eq!(part.1[..8 * image], whole.1[4 * image..12 * image], "the same rows in another batch");
    for (first_row, rows) in [(2, 4), (0, 6), (0, 2)] {
        let status = get_batch(&mut client, request(first_row, rows)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{first_row} {rows}: {status:?}");
        assert!(status.message().contains("cut a group of 4 rows"), "{}", status.message());
    }
    let connection = server.connect().await;
    let share = bandwise_client::RankShare { rank: 0, world_size: 6, accumulate: 1 };
    let job_of_two = proto::Job { recipe: mixed(4), ..job(12) };
    let error = Run::start(&connection, job_of_two, &RunOptions { share, ..RunOptions::default() })
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Share(_)), "{error}");
    // A group that does not divide the steps is refused with the job.
    let status = get_batch(
        &mut client,
        proto::GetBatchRequest {
            job: Some(proto::Job { recipe: mixed(8), ..job(12) }),
            rows: 8,
            ..proto::GetBatchRequest::default()
        },
    )
    .await
    .unwrap_err();
    assert!(status.message().contains("mix group of 8"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_row_of_a_group_fails_its_batch_and_frees_its_memory() {
    let dataset = common::Dataset::new();
    for i in 0..12 {
        dataset.photo(&format!("a/{i:02}.jpg"), "thing/cup.jpg");
    }
    dataset.file("a/05.jpg", b"");
    let server = Server::with(dataset.path(), |config| config.threads = 3).await;
    let connection = server.connect().await;
    let failing = proto::Job { recipe: mixed(6), on_bad_sample: proto::BadSample::Fail.into(), ..job(12) };
    for _ in 0..20 {
        let mut run = Run::start(&connection, failing.clone(), &RunOptions::default()).await.unwrap();
        let error = run.next().await.unwrap_err();
        assert!(matches!(error, ClientError::Daemon { code: Code::DataLoss, .. }), "{error}");
    }
    let stats = server.daemon.stats();
    for attempt in 0.. {
        if stats.batch_bytes_in_use.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            break;
        }
        assert!(attempt < 500, "memory of failed batches is still on loan");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_a_sample_are_neighbours_with_other_draws() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let twice = proto::Job { recipe: recipe("views = 2", ""), ..job(12) };
    let plan = connection.plan(twice.clone()).await.unwrap();
    assert_eq!(
        plan.steps,
        2 * connection.plan(proto::Job { recipe: recipe("", ""), ..job(12) }).await.unwrap().steps
    );
    let batches = batches(&connection, twice, 2).await;
    let mut samples: Vec<u64> = Vec::new();
    for batch in &batches {
        for (pair, ids) in batch.header().sample_ids.chunks(2).enumerate() {
            assert_eq!(ids[0], ids[1]);
            assert_ne!(batch.image(2 * pair), batch.image(2 * pair + 1), "two views, two crops");
            samples.push(ids[0]);
        }
    }
    samples.sort_unstable();
    assert!(samples.into_iter().eq(0..12), "an epoch of two steps shows every sample");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_recipes_name_what_is_wrong() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let text = |text: &str| Some(proto::job::Recipe::RecipeToml(text.to_owned()));
    let fourier = proto::LowFrequency::Fourier.into();
    for (job, part) in [
        (proto::Job { recipe: text("name = "), ..job(12) }, "recipe_toml"),
        (proto::Job { recipe: text(&"#".repeat(300_000)), ..job(12) }, "262144"),
        (proto::Job { recipe: recipe("", "[[operation]]\nname = 'flip'\n"), ..job(12) }, "8-bit pixels"),
        (proto::Job { recipe: recipe("views = 5", ""), ..job(12) }, "views of 5"),
        (proto::Job { recipe: recipe("", ""), low_frequency: fourier, ..job(12) }, "names its own method"),
    ] {
        let error = connection.plan(job).await.unwrap_err();
        let ClientError::Daemon { code: Code::InvalidArgument, message, .. } = error else {
            panic!("{error:?}")
        };
        assert!(message.contains(part), "no '{part}' in: {message}");
    }
}
