"""A model measured on patients that nothing learnt from: automatic and with simulated users."""
