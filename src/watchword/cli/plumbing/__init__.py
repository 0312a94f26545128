"""What the verbs are made of; each verb group is a file beside this folder."""
