"""The fitted whole: what gives one label one meaning everywhere."""
