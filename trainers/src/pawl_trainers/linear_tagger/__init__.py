"""The linear tagger: logistic regression on word features that marks personal facts in a message."""
