//! Random graphs of task runs, against a model of what is upstream of what.

use std::collections::BTreeSet;

use context::prelude::*;
use context::{Recorded, Tracked, WithOptions};
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::recorded;

/// How a run is made, and what its arguments are.
#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    /// The nodes before it whose values it gets.
    arguments: Vec<usize>,
    /// Those it only waits for.
    waits: Vec<usize>,
    reads: bool,
    tracked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Makes,
    /// Makes an asset, but fails. Others get its error as a value.
    Fails,
}

type Value = Result<u32, RunError>;

#[task]
async fn plain(node: usize, arguments: Vec<Value>) -> Result<u32, String> {
    if node >= 100 { Err("no".to_owned()) } else { Ok(arguments.len() as u32) }
}

#[materialize("s3://made/{node}")]
async fn makes(node: usize, arguments: Vec<Value>) -> Result<u32, String> {
    if node >= 100 { Err("no".to_owned()) } else { Ok(arguments.len() as u32) }
}

/// What there is of a node's run: a future, or a tracked value.
enum Made {
    Future(TaskFuture<u32>),
    Tracked(Tracked<u32>),
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let kind = prop_oneof![3 => Just(Kind::Plain), 3 => Just(Kind::Makes), 1 => Just(Kind::Fails)];
    let one = (
        kind,
        proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        proptest::collection::vec(any::<prop::sample::Index>(), 0..2),
        any::<bool>(),
        any::<bool>(),
    );
    proptest::collection::vec(one, 1..9).prop_map(|nodes| {
        let mut made: Vec<Node> = Vec::new();
        for (place, (kind, arguments, waits, reads, tracked)) in nodes.into_iter().enumerate() {
            let before = |indices: Vec<prop::sample::Index>| -> Vec<usize> {
                let indices = indices.into_iter().filter(|_| place > 0);
                indices
                    .map(|index| index.index(place))
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect()
            };
            // A value can be taken of any run, but a run waits only for those that complete.
            let mut waits = before(waits);
            waits.retain(|&before| made[before].kind != Kind::Fails);
            // A failed run gives no value to track.
            let tracked = tracked && kind != Kind::Fails;
            made.push(Node { kind, arguments: before(arguments), waits, reads, tracked });
        }
        made
    })
}

/// Makes the runs of all nodes, one after the other.
#[flow]
async fn run(nodes: Vec<Node>) {
    let mut made: Vec<Made> = Vec::new();
    for (place, node) in nodes.into_iter().enumerate() {
        let futures: Vec<TaskFuture<u32>> = node
            .arguments
            .iter()
            .filter_map(|&before| match &made[before] {
                Made::Future(future) => Some(future.clone()),
                Made::Tracked(_) => None,
            })
            .collect();
        let values: Vec<Tracked<Value>> = node
            .arguments
            .iter()
            .filter_map(|&before| match &made[before] {
                Made::Tracked(value) => Some(Tracked::map(*value, Ok)),
                Made::Future(_) => None,
            })
            .collect();
        let name = if node.kind == Kind::Fails { place + 100 } else { place };
        made.push(match node.kind {
            Kind::Plain => call(plain::with_options(), &node, name, futures, values, &made).await,
            Kind::Makes | Kind::Fails => {
                call(makes::with_options(), &node, name, futures, values, &made).await
            }
        });
    }
}

/// One run. A run gets futures or tracked values for its argument, and waits for the rest: both count alike.
async fn call<H>(
    mut task: WithOptions<H, (usize, Vec<Value>)>,
    node: &Node,
    name: usize,
    futures: Vec<TaskFuture<u32>>,
    values: Vec<Tracked<Value>>,
    made: &[Made],
) -> Made
where
    H: context::__private::TaskFn<
            (usize, Vec<Value>),
            Output = Result<u32, String>,
            Value = u32,
            Tracked = Result<Tracked<u32>, String>,
            Mode = context::__private::Asynchronous,
        >,
{
    if node.reads {
        task = task.asset_deps(["s3://read/{node}"]);
    }
    for &before in &node.waits {
        task = match &made[before] {
            Made::Future(future) => task.wait_for(future),
            Made::Tracked(value) => task.wait_for(value),
        };
    }
    // The one parameter takes one form.
    let task = if futures.is_empty() { task } else { task.wait_for(&values) };
    match (node.tracked, futures.is_empty()) {
        (true, true) => Made::Tracked(task.tracked(name, values).await.unwrap()),
        (true, false) => Made::Tracked(task.tracked(name, allow_failure(futures)).await.unwrap()),
        (false, true) => Made::Future(task.submit(name, values)),
        (false, false) => Made::Future(task.submit(name, allow_failure(futures))),
    }
}

/// The model: what each node carries on, and what is upstream of those that make something.
fn model(nodes: &[Node]) -> BTreeSet<(String, BTreeSet<String>)> {
    let mut carried: Vec<BTreeSet<String>> = Vec::new();
    let mut expected = BTreeSet::new();
    for (place, node) in nodes.iter().enumerate() {
        let name = if node.kind == Kind::Fails { place + 100 } else { place };
        let before = node.arguments.iter().chain(&node.waits);
        let mut upstream: BTreeSet<String> =
            before.flat_map(|&before| carried[before].clone()).collect();
        if node.reads {
            upstream.insert(format!("s3://read/{name}"));
        }
        let own = format!("s3://made/{name}");
        carried.push(match node.kind {
            Kind::Plain => upstream,
            Kind::Makes | Kind::Fails => {
                let mark = if node.kind == Kind::Makes { '+' } else { '-' };
                expected.insert((format!("{mark}{own}"), upstream));
                BTreeSet::from([own])
            }
        });
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn upstream_assets_are_those_of_the_model(nodes in nodes()) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let ((), recorder) = runtime.block_on(recorded(|| run(nodes.clone())));
        let told: Vec<(String, BTreeSet<String>)> = recorder
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Recorded::Asset { event, asset, upstream, .. } => {
                    let mark = match event {
                        "prefect.asset.materialization.succeeded" => '+',
                        "prefect.asset.materialization.failed" => '-',
                        _ => return None,
                    };
                    let upstream = upstream.iter().map(ToString::to_string).collect();
                    Some((format!("{mark}{asset}"), upstream))
                }
                _ => None,
            })
            .collect();
        prop_assert_eq!(told.len(), nodes.iter().filter(|node| node.kind != Kind::Plain).count());
        prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), model(&nodes));
    }
}
