//! Daemons on a fake clock.

use super::*;

/// Wants of one row, numbered by step.
fn wanted(step: u64) -> Wanted {
    Wanted { id: BatchId { step, first_row: 0 }, rows: 1 }
}

/// A scheduler whose daemons are all open, and its clock.
struct World {
    scheduler: Scheduler,
    now: Instant,
    /// What was asked for and neither answered nor cancelled, by daemon, in order.
    queues: Vec<VecDeque<u64>>,
    /// What was done beside wants.
    done: Vec<Action>,
    next_step: u64,
}

impl World {
    fn new(daemons: usize, preferred: Option<usize>) -> Self {
        Self::with(Scheduler::new(daemons, preferred, 0, None), daemons)
    }

    fn with(mut scheduler: Scheduler, daemons: usize) -> Self {
        let now = Instant::now();
        for daemon in 0..daemons {
            scheduler.opened(daemon, 100, now);
        }
        scheduler.wait_begins(now);
        let queues = vec![VecDeque::new(); daemons];
        Self { scheduler, now, queues, done: Vec::new(), next_step: 0 }
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    /// Fills the table to `window` batches and does what the scheduler says.
    fn fill(&mut self, window: usize) {
        while self.scheduler.len() < window {
            self.scheduler.add(wanted(self.next_step));
            self.next_step += 1;
        }
        self.decide();
    }

    fn decide(&mut self) {
        for action in self.scheduler.decide(self.now) {
            match action {
                Action::Want(daemon, wanted) => self.queues[daemon].push_back(wanted.id.step),
                Action::Cancel(daemon, step) => self.queues[daemon].retain(|&asked| asked != step),
                Action::Leave(daemon, _) | Action::Drained(daemon) => self.queues[daemon].clear(),
            }
            if !matches!(action, Action::Want(..)) {
                self.done.push(action);
            }
        }
    }

    fn answer(&mut self, daemon: usize) -> bool {
        let step = self.queues[daemon].pop_front().expect("something was asked for");
        let kept = self.scheduler.answered(daemon, wanted(step).id, self.now);
        self.decide();
        kept
    }

    /// Takes everything that is ready; gives the steps.
    fn take(&mut self) -> Vec<u64> {
        let mut taken = Vec::new();
        while let Due::Ready(id) = self.scheduler.due(self.now) {
            self.scheduler.deliver();
            taken.push(id.step);
        }
        taken
    }

    /// Runs `batches` batches through a window of 8 while daemon `i` takes `periods[i]` ms for each.
    fn run(&mut self, batches: u64, periods: &[u64]) {
        let mut left: Vec<u64> = periods.to_vec();
        let mut expected = self.scheduler.front().map_or(self.next_step, |next| next.step);
        let end = expected + batches;
        while expected < end {
            self.fill(8);
            self.pass(1);
            self.scheduler.all_taken();
            for daemon in 0..periods.len() {
                if self.queues[daemon].is_empty() {
                    left[daemon] = periods[daemon];
                    continue;
                }
                left[daemon] -= 1;
                if left[daemon] == 0 {
                    left[daemon] = periods[daemon];
                    self.answer(daemon);
                }
            }
            for step in self.take() {
                assert_eq!(step, expected, "in order, each once");
                expected += 1;
            }
            self.decide();
        }
    }
}

#[test]
fn wants_follow_the_speed_of_the_daemons() {
    let mut world = World::new(3, None);
    world.run(400, &[10, 20, 40]);
    let shares: Vec<u64> = (0..3).map(|daemon| world.scheduler.counts(daemon).batches).collect();
    // 4 : 2 : 1 of 400 and what is ready behind them.
    assert!((210..260).contains(&shares[0]), "{shares:?}");
    assert!((95..135).contains(&shares[1]), "{shares:?}");
    assert!((40..75).contains(&shares[2]), "{shares:?}");
}

#[test]
fn equal_daemons_get_equal_shares_and_ranks_begin_at_different_ones() {
    let mut world = World::new(4, None);
    world.run(400, &[10, 10, 10, 10]);
    for daemon in 0..4 {
        let batches = world.scheduler.counts(daemon).batches;
        assert!((90..=110).contains(&batches), "daemon {daemon}: {batches}");
    }
    for rank in 0..8 {
        let mut world = World::with(Scheduler::new(4, None, rank, None), 4);
        world.fill(1);
        assert_eq!(world.queues[rank as usize % 4].len(), 1);
    }
}

impl World {
    /// Delivers `batches` batches through a window of 4 to a trainer that works `trainer_ms` ms on each, while daemon
    /// `i` makes one in `periods[i]` ms, also while the trainer works.
    fn train(&mut self, batches: u64, trainer_ms: u64, periods: &[u64]) {
        let (mut made, mut left) = (vec![0; periods.len()], periods.to_vec());
        let (mut delivered, mut away) = (0, 0);
        self.fill(4);
        while delivered < batches {
            self.pass(1);
            for daemon in 0..periods.len() {
                if self.queues[daemon].len() > made[daemon] {
                    left[daemon] -= 1;
                    if left[daemon] == 0 {
                        (left[daemon], made[daemon]) = (periods[daemon], made[daemon] + 1);
                    }
                }
            }
            if away > 1 {
                away -= 1;
                continue;
            }
            if away == 1 {
                away = 0;
                self.scheduler.wait_begins(self.now);
            }
            for (daemon, made) in made.iter_mut().enumerate() {
                for _ in 0..std::mem::take(made) {
                    self.answer(daemon);
                }
            }
            self.scheduler.all_taken();
            if let Due::Ready(_) = self.scheduler.due(self.now) {
                self.scheduler.deliver();
                self.fill(4);
                self.scheduler.wait_ends(self.now);
                (delivered, away) = (delivered + 1, trainer_ms);
            }
        }
    }
}

#[test]
fn work_stays_at_home_until_home_is_saturated() {
    for (trainer_ms, least_at_home, most_at_home) in [(20, 270, 300), (3, 60, 150)] {
        let mut world = World::new(2, Some(0));
        // Home is the slower one.
        world.train(300, trainer_ms, &[10, 5]);
        let home = world.scheduler.counts(0).batches;
        assert!((least_at_home..=most_at_home).contains(&home), "{trainer_ms} ms: {home} of 300 at home");
    }
}

#[test]
fn what_a_lost_daemon_owes_goes_to_the_others_in_order() {
    let mut world = World::new(2, None);
    world.fill(6);
    let owed: Vec<u64> = world.queues[0].iter().copied().collect();
    assert_eq!(owed, [0, 2, 4]);
    world.scheduler.closed(0, Phase::Closed);
    world.queues[0].clear();
    world.decide();
    assert_eq!(world.queues[1], [1, 3, 5, 0, 2, 4]);
    assert_eq!(world.scheduler.counts(0).retried, 3);
    for _ in 0..6 {
        assert!(world.answer(1));
    }
    assert_eq!(world.take(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_late_batch_is_hedged_once_and_the_loser_cancelled() {
    let mut world = World::new(2, None);
    world.run(200, &[10, 10]);
    world.fill(8);
    let due = match world.scheduler.due(world.now) {
        Due::Waiting(id, _) => id.step,
        other => panic!("{other:?}"),
    };
    let (late, other) = if world.queues[0].contains(&due) { (0, 1) } else { (1, 0) };
    while !world.queues[other].is_empty() {
        world.answer(other);
    }
    world.pass(50);
    world.decide();
    assert!(world.queues[other].is_empty(), "50 ms are not late");
    let quiet = world.scheduler.quiet_for(world.now).expect("the hedge is to come");
    assert!(quiet <= Duration::from_millis(60), "{quiet:?}");
    world.pass(60);
    for _ in 0..3 {
        world.decide();
    }
    assert_eq!(world.queues[other], [due]);
    assert!(world.answer(other), "the hedge wins");
    assert_eq!(world.done, [Action::Cancel(late, due)]);
    assert!(!world.scheduler.answered(late, wanted(due).id, world.now), "the loser is on its way already");
    assert_eq!(world.scheduler.counts(other).hedged, 1);
    assert_eq!(world.scheduler.counts(late).duplicates, 1);
}

#[test]
fn hedges_are_few() {
    let mut world = World::new(2, None);
    world.run(40, &[5, 5]);
    let before: u64 = (0..2).map(|daemon| world.scheduler.counts(daemon).hedged).sum();
    // Daemon 0 is stuck for a while before each of its batches, so that each of them is late.
    for _ in 0..200 {
        world.fill(4);
        world.pass(130);
        world.decide();
        for daemon in [1, 0] {
            if !world.queues[daemon].is_empty() {
                world.answer(daemon);
            }
        }
        world.take();
    }
    let hedged: u64 = (0..2).map(|daemon| world.scheduler.counts(daemon).hedged).sum();
    let batches: u64 = (0..2).map(|daemon| world.scheduler.counts(daemon).batches).sum();
    assert!((before..=1 + (batches + hedged) / 20).contains(&hedged), "{hedged} of {batches}");
}

#[test]
fn a_hung_daemon_is_left_within_its_deadline_and_a_busy_trainer_is_no_reason() {
    let mut world = World::new(2, None);
    world.run(100, &[10, 10]);
    world.fill(8);
    world.scheduler.wait_ends(world.now);
    world.pass(60_000);
    world.scheduler.wait_begins(world.now);
    world.decide();
    assert_eq!(world.done, [], "a trainer that was away for a minute");
    // Daemon 0 hangs from here on; whatever daemon 1 does, 0 must be left.
    let mut waited = 0;
    while world.done.iter().all(|action| !matches!(action, Action::Leave(0, _))) {
        world.pass(10);
        waited += 10;
        if !world.queues[1].is_empty() {
            world.answer(1);
        }
        world.take();
        world.fill(8);
        assert!(waited < 5000, "daemon 0 is not left");
    }
    assert_eq!(world.scheduler.phase(0), Phase::Closed);
    world.run(50, &[10, 10]);
}

#[test]
fn the_only_daemon_is_not_left_and_patience_doubles() {
    let mut alone = World::new(1, None);
    alone.fill(4);
    alone.pass(600_000);
    alone.decide();
    assert_eq!(alone.done, []);
    let mut pair = World::with(Scheduler::new(2, None, 0, Some(Duration::from_millis(300))), 2);
    let mut waits = Vec::new();
    for daemon in [0, 1, 0, 1] {
        pair.fill(1);
        if pair.queues[daemon].is_empty() {
            // Left daemons come back empty; the other one was asked meanwhile.
            continue;
        }
        while pair.done.is_empty() {
            pair.pass(50);
            pair.decide();
        }
        for action in pair.done.drain(..) {
            let Action::Leave(left, wait) = action else { panic!("{action:?}") };
            waits.push(wait.as_millis());
            pair.scheduler.opened(left, 100, pair.now);
        }
    }
    assert_eq!(waits, [300, 600, 1200, 2400]);
}

#[test]
fn a_batch_that_one_daemon_cannot_make_is_asked_for_at_all_others() {
    let mut world = World::new(3, None);
    world.fill(1);
    for turn in 0..3 {
        let asked = (0..3).find(|&daemon| !world.queues[daemon].is_empty()).expect("somebody is asked");
        world.queues[asked].clear();
        world.scheduler.unable(asked, wanted(0).id, world.now);
        world.decide();
        let failing = world.scheduler.due(world.now) == Due::Failing(wanted(0).id, Duration::ZERO);
        assert_eq!(failing, turn == 2);
    }
    // A daemon that comes back may have the file.
    world.scheduler.closed(1, Phase::Closed);
    world.scheduler.opened(1, 100, world.now);
    world.decide();
    assert_eq!(world.queues[1], [0]);
}

#[test]
fn draining_daemons_deliver_what_they_promised_and_are_asked_for_no_more() {
    let mut world = World::new(2, None);
    world.fill(4);
    world.scheduler.draining(0);
    world.fill(6);
    assert_eq!((world.queues[0].len(), world.queues[1].len()), (2, 4));
    // The last of its two wants crossed the message and was not taken up.
    let declined = world.queues[0].pop_back().expect("two wants");
    world.scheduler.declined(0, wanted(declined).id);
    world.decide();
    assert_eq!(world.queues[1].back(), Some(&declined));
    assert_eq!(world.done, []);
    world.answer(0);
    assert_eq!(world.done, [Action::Drained(0)]);
}

#[test]
fn without_any_daemon_the_wait_is_counted() {
    let mut world = World::new(1, None);
    world.fill(2);
    world.scheduler.closed(0, Phase::Closed);
    world.decide();
    world.pass(700);
    assert_eq!(world.scheduler.due(world.now), Due::Waiting(wanted(0).id, Some(Duration::from_millis(700))));
    world.scheduler.opened(0, 1, world.now);
    world.decide();
    assert_eq!(world.scheduler.due(world.now), Due::Waiting(wanted(0).id, None));
    assert_eq!(world.queues[0], [0, 1, 0], "one at a time is what the new stream takes");
}

#[test]
fn steps_of_several_batches_are_not_cancelled_as_a_whole() {
    let mut scheduler = Scheduler::new(2, None, 0, Some(Duration::from_mins(1)));
    let now = Instant::now();
    scheduler.opened(0, 100, now);
    scheduler.wait_begins(now);
    let id = |first_row| BatchId { step: 0, first_row };
    for first_row in 0..2 {
        scheduler.add(Wanted { id: id(first_row), rows: 1 });
    }
    assert_eq!(scheduler.decide(now).len(), 2, "both at daemon 0");
    scheduler.opened(1, 100, now);
    // Daemon 1 is asked too, as a hedge would.
    let moment = scheduler.clock.time_point(now);
    scheduler.want(0, 1, moment);
    assert!(scheduler.answered(1, id(0), now));
    assert_eq!(scheduler.decide(now), [], "row 1 of step 0 is still to come from daemon 0");
    assert!(!scheduler.answered(0, id(0), now));
    assert!(scheduler.answered(0, id(1), now));
}

#[test]
fn what_nobody_can_make_is_asked_for_again_with_growing_pauses() {
    let mut world = World::new(2, None);
    world.fill(1);
    let mut asked_at = Vec::new();
    let start = world.now;
    for _ in 0..4000 {
        for daemon in 0..2 {
            if !world.queues[daemon].is_empty() {
                asked_at.push((daemon, world.now.duration_since(start).as_millis()));
                world.queues[daemon].clear();
                world.scheduler.unable(daemon, wanted(0).id, world.now);
                world.decide();
            }
        }
        let Due::Failing(_, waited) = world.scheduler.due(world.now) else { panic!("nobody can make it") };
        assert_eq!(waited, world.now.duration_since(start), "from the first failure on");
        let quiet = world.scheduler.quiet_for(world.now).expect("it is asked for again");
        assert!(quiet <= Duration::from_secs(5), "{quiet:?}");
        world.pass(10);
        world.decide();
    }
    // In 40 s: pauses of 0.1 s, doubled to 5 s, each cut by up to a half at random.
    for daemon in 0..2 {
        let rounds = asked_at.iter().filter(|&&(asked, _)| asked == daemon).count();
        assert!((12..=24).contains(&rounds), "{asked_at:?}");
    }
    // It comes back.
    while world.queues.iter().all(VecDeque::is_empty) {
        world.pass(100);
        world.decide();
    }
    let daemon = usize::from(world.queues[0].is_empty());
    assert!(world.answer(daemon));
    assert_eq!(world.take(), [0]);
}

#[test]
fn a_busy_trainer_does_not_use_up_the_patience_for_a_sample() {
    let mut world = World::new(1, None);
    world.fill(1);
    world.queues[0].clear();
    world.scheduler.unable(0, wanted(0).id, world.now);
    world.decide();
    world.pass(100);
    world.scheduler.wait_ends(world.now);
    world.pass(60_000);
    world.scheduler.wait_begins(world.now);
    let waited = Duration::from_millis(100);
    assert_eq!(world.scheduler.due(world.now), Due::Failing(wanted(0).id, waited));
    world.decide();
    assert_eq!(world.queues[0], [0], "its pause is over");
}
