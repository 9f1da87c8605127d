//! The rules of a server, whatever its faults.

use super::view::RuleView;
use crate::{
    faults::FaultSet,
    matcher::{Faults, RuleId, TooManyRules},
    rule::{AnyRule, Rule},
    words::Server,
};

/// The rules of a server, whatever its faults. Rules of other servers are left out of what is given.
pub(super) trait RuleStore: Send + Sync {
    fn server(&self) -> Server;

    fn list(&self) -> Vec<RuleView>;

    /// How many rules there are.
    fn count(&self) -> usize;

    fn add(&self, rules: Vec<AnyRule>) -> Result<Vec<RuleView>, TooManyRules>;

    fn replace(&self, rules: Vec<AnyRule>) -> Result<Vec<RuleView>, TooManyRules>;

    fn replace_preset(
        &self,
        name: &str,
        rules: Vec<AnyRule>,
    ) -> Result<Vec<RuleView>, TooManyRules>;

    fn remove(&self, id: RuleId) -> bool;

    fn remove_preset(&self, name: &str) -> Vec<RuleId>;

    fn clear(&self) -> Vec<RuleId>;

    fn enable(&self, id: RuleId, enabled: bool) -> Option<RuleView>;

    fn reset(&self);
}

impl<F: FaultSet> RuleStore for Faults<F> {
    fn server(&self) -> Server {
        F::SERVER
    }

    fn list(&self) -> Vec<RuleView> {
        let now = self.now();
        self.rules().iter().map(|rule| RuleView::new(rule, now)).collect()
    }

    fn count(&self) -> usize {
        self.rules().len()
    }

    fn add(&self, rules: Vec<AnyRule>) -> Result<Vec<RuleView>, TooManyRules> {
        let added = self.append(Rule::select(rules))?;
        let now = self.now();
        Ok(added.iter().map(|rule| RuleView::new(rule, now)).collect())
    }

    fn replace(&self, rules: Vec<AnyRule>) -> Result<Vec<RuleView>, TooManyRules> {
        let added = Self::replace(self, Rule::select(rules))?;
        let now = self.now();
        Ok(added.iter().map(|rule| RuleView::new(rule, now)).collect())
    }

    fn replace_preset(
        &self,
        name: &str,
        rules: Vec<AnyRule>,
    ) -> Result<Vec<RuleView>, TooManyRules> {
        let added = Self::replace_preset(self, name, Rule::select(rules))?;
        let now = self.now();
        Ok(added.iter().map(|rule| RuleView::new(rule, now)).collect())
    }

    fn remove(&self, id: RuleId) -> bool {
        Self::remove(self, id)
    }

    fn remove_preset(&self, name: &str) -> Vec<RuleId> {
        self.retain(|rule| rule.rule().preset.as_deref() != Some(name))
    }

    fn clear(&self) -> Vec<RuleId> {
        Self::clear(self)
    }

    fn enable(&self, id: RuleId, enabled: bool) -> Option<RuleView> {
        let rule = Self::enable(self, id, enabled)?;
        Some(RuleView::new(&rule, self.now()))
    }

    fn reset(&self) {
        Self::reset(self);
    }
}
