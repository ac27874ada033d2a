"""What rules are: predicate trees, rules, packs, and the front ends that read rule files."""
