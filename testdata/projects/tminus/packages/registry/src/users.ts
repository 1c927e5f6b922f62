import { Problem } from "@tminus/shared";

export interface User {
  id: string;
  email: string;
  name: string | null;
  password_hash: string;
}

/** A Problem with status 409 when the address is taken. */
export async function insertUser(db: D1Database, user: User): Promise<void> {
  try {
    await db
      .prepare("INSERT INTO users (id, email, name, password_hash) VALUES (?, ?, ?, ?)")
      .bind(user.id, user.email, user.name, user.password_hash)
      .run();
  } catch (error) {
    if (/UNIQUE constraint failed: users\.email/.test(String(error))) {
      throw new Problem(409, "email_taken", "an account with this email address exists already");
    }
    throw error;
  }
}

export function userByEmail(db: D1Database, email: string): Promise<User | null> {
  return db.prepare("SELECT id, email, name, password_hash FROM users WHERE email = ?").bind(email).first<User>();
}

export function userById(db: D1Database, id: string): Promise<User | null> {
  return db.prepare("SELECT id, email, name, password_hash FROM users WHERE id = ?").bind(id).first<User>();
}
