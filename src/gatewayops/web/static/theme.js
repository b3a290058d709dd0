(()=>{var e=document.documentElement,s=e.dataset.theme,t=s==="dark"||s==="system"&&matchMedia("(prefers-color-scheme: dark)").matches;e.classList.toggle("dark",t);e.classList.add("scripted");})();
