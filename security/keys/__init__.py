"""Where keys live, and what is signed with them."""
