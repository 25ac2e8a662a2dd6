//! Many changes: large groups, epochs faster than they are executed, and that no key ever comes back.

use super::*;

/// Alice's side of a call in which members come and go; those others have a leaf and do nothing.
struct Churn {
    gateway: Gateway,
    machine: Machine,
    alice: DaveSession,
    id: u16,
}

impl Churn {
    fn new() -> Self {
        let gateway = Gateway::new();
        let (machine, alice, _) = joined(&gateway);
        Self {
            gateway,
            machine,
            alice,
            id: 1,
        }
    }

    fn epoch(&self) -> u64 {
        self.alice.epoch().unwrap().as_u64()
    }

    /// Op 27 and 29 for one change, Alice's commit winning. The transition is left to be executed.
    fn commit(&mut self, proposal: Bytes) -> u16 {
        let made = self
            .alice
            .process_proposals(ProposalsOperationType::APPEND, &proposal[1..], None)
            .unwrap()
            .unwrap();
        assert!(matches!(
            feed(&mut self.machine, Input::Proposals(proposal)).as_slice(),
            [Output::CommitWelcome(_)]
        ));
        self.alice.process_commit(&made.commit).unwrap();
        self.id += 1;
        self.alice.prepare_transition(self.id, 1).unwrap();
        let message = made.commit.into();
        let announced = feed(&mut self.machine, Input::Commit { id: self.id, message });
        assert!(is_ready(&announced, self.id));
        self.id
    }

    fn join(&mut self, user: u64) -> u16 {
        feed(&mut self.machine, Input::UsersJoined(vec![user]));
        let package = self.gateway.member(user).create_key_package().unwrap();
        let proposal = self.gateway.propose_add(self.epoch(), &package);
        self.commit(proposal)
    }

    fn leave(&mut self, user: u64) -> u16 {
        feed(&mut self.machine, Input::UserLeft(user));
        let group = self.alice.group().unwrap();
        let leaf = group
            .members()
            .find(|member| member.credential.serialized_content() == user.to_be_bytes())
            .unwrap();
        let proposal = self.gateway.propose_remove(self.epoch(), leaf.index.u32());
        self.commit(proposal)
    }

    fn execute(&mut self, id: u16) -> Box<FrameEncryptor> {
        sealed(feed(&mut self.machine, Input::ExecuteTransition { id }))
    }
}

#[test]
fn joins_and_leaves_up_to_fifty_members() {
    let mut churn = Churn::new();
    for user in 100..148 {
        let id = churn.join(user);
        let mut encryptor = churn.execute(id);
        if user % 16 == 0 {
            assert_hears(&mut churn.alice, &mut encryptor);
        }
    }
    assert_eq!(churn.alice.group().unwrap().members().count(), 50);
    for user in 100..148 {
        let id = churn.leave(user);
        churn.execute(id);
    }
    let id = churn.join(99);
    let mut encryptor = churn.execute(id);
    assert_hears(&mut churn.alice, &mut encryptor);
}

#[test]
fn a_storm_of_epochs_executed_late_ends_with_the_last_key() {
    let mut churn = Churn::new();
    let ids: Vec<u16> = (0..50)
        .map(|n| match n % 2 {
            0 => churn.join(100),
            _ => churn.leave(100),
        })
        .collect();
    let mut keys: Vec<Box<FrameEncryptor>> = Vec::new();
    for id in ids {
        keys.push(churn.execute(id));
    }
    for (n, key) in keys.iter().enumerate() {
        assert!(keys[..n].iter().all(|earlier| !earlier.same_epoch(key)));
    }
    assert_hears(&mut churn.alice, keys.last_mut().unwrap());
}

#[derive(Debug, Clone)]
enum Step {
    Join,
    Execute(u16),
    Prepare(u16),
    ImmediateNow,
    BadCommit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Join),
        4 => (1u16..12).prop_map(Step::Execute),
        2 => (1u16..12).prop_map(Step::Prepare),
        1 => Just(Step::ImmediateNow),
        1 => Just(Step::BadCommit),
    ];
    proptest::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the gateway announces and executes in whatever order: a key that was replaced is never installed
    /// again (its nonces would start anew), and once there is a key no frame goes out plain.
    #[test]
    fn no_order_of_transitions_brings_an_old_key_back(steps in steps()) {
        let mut churn = Churn::new();
        let mut installed: Vec<Box<FrameEncryptor>> = Vec::new();
        let mut in_group = true;
        for (n, step) in steps.into_iter().enumerate() {
            let outputs = match step {
                Step::Join if in_group => {
                    churn.join(1_000 + n as u64);
                    continue;
                }
                Step::Join => continue,
                Step::Execute(id) => feed(&mut churn.machine, Input::ExecuteTransition { id }),
                Step::Prepare(id) => feed(&mut churn.machine, Input::PrepareTransition { id, version: 1 }),
                Step::ImmediateNow => feed(&mut churn.machine, Input::PrepareTransition { id: 0, version: 1 }),
                Step::BadCommit => {
                    in_group = false;
                    feed(&mut churn.machine, Input::Commit { id: 40, message: Bytes::from_static(b"bad") })
                }
            };
            for output in outputs {
                match output {
                    Output::Protect(Protection::Sealed(key)) => {
                        let current = installed.last().is_some_and(|last| last.same_epoch(&key));
                        prop_assert!(current || installed.iter().all(|earlier| !earlier.same_epoch(&key)));
                        installed.push(key);
                    }
                    Output::Protect(_) => prop_assert!(false, "plain or held while there is a key"),
                    _ => {}
                }
            }
        }
    }
}
