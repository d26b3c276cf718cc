//! Stages that end in the middle of an epoch, through a real daemon: the client's arithmetic over rows agrees with
//! the plan's, and every sample has its turn once in every epoch.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::collections::BTreeMap;

use bandwise_client::{RankShare, Run, RunOptions, Transport, proto};
use common::{Server, job, photos};

const PHOTOS: u64 = 12;

/// Four and a quarter epochs in steps of 4 rows, three and a half in steps of 10, two and a quarter in steps of 4.
const CURRICULUM: &str = "name = 'halves'\nsplit = 'steps'\n\
    [[stage]]\nepochs = 4.25\nbandwidth = 32\nmagnitude = 0\n\
    [[stage]]\nepochs = 3.5\nbandwidth = 64\nmagnitude = 4\nbatch = 10\n\
    [[stage]]\nepochs = 2.25\nbandwidth = 32\nmagnitude = 9\n";

fn halves() -> proto::Job {
    proto::Job {
        curriculum: Some(proto::job::Curriculum::CurriculumToml(CURRICULUM.to_owned())),
        tail: proto::Tail::Keep.into(),
        order: proto::Order::Shuffled.into(),
        ..job(4)
    }
}

#[tokio::test]
async fn epochs_go_on_over_the_borders_of_stages() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let mut epochs: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let (mut steps, mut lr) = (Vec::new(), Vec::new());
    for rank in 0..2 {
        let share = RankShare { rank, world_size: 2, accumulate: 1 };
        let options = RunOptions { share, transport: Transport::Grpc, ..RunOptions::default() };
        let mut run = Run::start(&connection, halves(), &options).await.unwrap();
        steps.push(run.plan().steps);
        while let Some(batch) = run.next().await.unwrap() {
            let header = batch.header();
            epochs.entry(header.epoch).or_default().extend(&header.sample_ids);
            lr.push(header.lr_factor);
        }
    }
    let last = epochs.len() as u64 - 1;
    for (epoch, samples) in &mut epochs {
        samples.sort_unstable();
        assert!(*epoch == last || samples.iter().copied().eq(0..PHOTOS), "epoch {epoch}: {samples:?}");
    }
    // 10 epochs of 3 steps, except for the stage with steps of 10 rows, of which an epoch has 2.
    assert_eq!(steps, [13 + 7 + 7; 2]);
    assert!(lr[0] == 0.0 && lr.iter().all(|factor| (0.0..=1.0).contains(factor)));
}
