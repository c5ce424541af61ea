"""What residents agreed to: purposes in versions, grants with what was shown, withdrawals that reach everybody."""
