"""hnuiseg: GTVp and GTVn on PET/CT or CT, with uncertainty. Research use only."""
