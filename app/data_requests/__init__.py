"""What residents may ask about their own data (Law 91/2025/QH15): to see, correct, export, delete it, to object, to restrict."""
