// Passkeys on our pages: a button asks the browser, and its form takes the answer along.
"use strict";

for (const button of document.querySelectorAll("button[data-passkey]")) {
  button.addEventListener("click", async () => {
    const form = button.form;
    const said = form.querySelector(".error");
    said.textContent = "";
    if (!form.reportValidity()) return;
    try {
      const asked = JSON.parse(button.dataset.options);
      const found =
        button.dataset.passkey === "create"
          ? await navigator.credentials.create({
              publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked),
            })
          : await navigator.credentials.get({
              publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked),
            });
      form.elements.passkey.value = JSON.stringify(found.toJSON());
    } catch (error) {
      said.textContent = "The browser made nothing of it (" + error.name + "). Load the page anew to try again.";
      return;
    }
    form.submit();
  });
}
