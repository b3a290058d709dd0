"""What calls cost: price rules now, budgets and the ledger later. Money is whole micro-dollars."""
