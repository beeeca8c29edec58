//! Attention: what there is to look at around a run, put together once.

use crate::record::Client;

/// What clients want to be told, at most: where something is false, nobody has to be asked again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    /// States of runs.
    pub(crate) states: bool,
    /// Parameters of runs.
    pub(crate) parameters: bool,
    /// True if something around task runs called here changes what they do besides their attempts. Not the clients', but
    /// found on the same way.
    pub(crate) shapes_tasks: bool,
    /// True if task runs called here keep their results, unless they say otherwise.
    pub(crate) keeps_results: bool,
    /// True if there are no assets and no transaction around.
    pub(crate) lonely: bool,
}

impl Attention {
    /// Nobody is to be told.
    pub(crate) const NONE: Self = Self {
        states: false,
        parameters: false,
        shapes_tasks: false,
        keeps_results: false,
        lonely: false,
    };

    /// True if a task run called here has nothing to look at, unless a task run calls.
    #[inline]
    pub(crate) const fn is_undivided(self) -> bool {
        self.lonely && !(self.states || self.parameters || self.shapes_tasks || self.keeps_results)
    }

    #[inline]
    pub(super) fn add(&mut self, client: &Client) {
        self.states |= client.records();
        self.parameters |= client.wants_parameters();
    }
}

impl Default for Attention {
    fn default() -> Self {
        Self::NONE
    }
}
