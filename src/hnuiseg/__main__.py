"""`python -m hnuiseg`, and `torchrun … -m hnuiseg`: the command line."""

from hnuiseg.cli.main import main

if __name__ == "__main__":
    main()
