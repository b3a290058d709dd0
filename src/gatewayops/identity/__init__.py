"""Who is calling: API keys today, sign-in and OAuth later; each ends in a Principal."""
