"""`python -m gatewayops` is the same as the `gatewayops` command."""

from gatewayops.cli import main

if __name__ == "__main__":
    main()
