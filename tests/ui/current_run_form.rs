//! There are three forms.

use context::prelude::*;

fn main() {
    current_run!(flows);
    current_run!(flow, task);
}
