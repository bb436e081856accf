//! Performs one operation many times, in memory, for callgrind to count.
//!
//! `instructions list` names the scenarios, each with two numbers of operations and how many
//! deliveries one operation makes; `instructions <scenario> <operations>` performs it.
//!
//! The difference of two runs is what operations cost, without what came before them. It is the same
//! in every run: seeds and the clock are fixed, and no table grows between the two numbers.

mod bare;
mod client;
mod scenario;
mod stack;

use scenario::{Operation, SCENARIOS};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            for scenario in SCENARIOS {
                let [few, many] = scenario.operations;
                println!("{} {few} {many} {}", scenario.name, scenario.deliveries);
            }
            ExitCode::SUCCESS
        }
        [name, operations] => {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
            let (Some(scenario), Ok(operations)) = (scenario, operations.parse()) else {
                return usage();
            };
            let mut operation = (scenario.prepare)();
            perform(&mut *operation, operations);
            // Not taken down: that would count as well.
            std::mem::forget(operation);
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

/// What profiles begin at.
#[inline(never)]
fn perform(operation: &mut Operation, operations: usize) {
    for _ in 0..operations {
        operation();
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: instructions list | instructions <scenario> <operations>");
    ExitCode::FAILURE
}
