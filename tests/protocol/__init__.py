"""What travels: vectors from outside, properties, attacks, then examples."""
