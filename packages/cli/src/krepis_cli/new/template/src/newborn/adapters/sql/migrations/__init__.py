"""How the tables came to be; `krepis db new` writes the next step."""
