"""The frame of every page: layout, navigation, parts that pages share, and what a refusal looks like."""
