//! How a problem shows the place that it is about.

use super::super::tests::problem;

#[test]
fn a_long_value_is_cut_and_stays_on_its_line() {
    let problem = problem("[clearnet]\nserver_names = [\n'http://a',\n]");
    assert!(problem.starts_with("line 2: [clearnet] server_names = […: must be a list of host names"), "{problem}");
    assert!(!problem.contains('\n'), "{problem}");
}
