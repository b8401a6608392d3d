"""How traffic is asked for and checked: the HTTPRoute rule, the sticky policy, the claim on the rule. Pure."""
