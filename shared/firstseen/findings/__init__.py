"""What is reported: findings, their ids, where they go, their wire form and their text form."""
